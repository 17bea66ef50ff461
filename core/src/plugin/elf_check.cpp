#include "plugin/elf_check.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <cstring>

namespace causeway::plugin {

namespace {

#if defined(__x86_64__)
constexpr std::uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr std::uint16_t kMachine = EM_RISCV;
#else
#error "name the ELF machine of this architecture"
#endif
static_assert(sizeof(void*) == 8, "the checks below read 64-bit ELF");

constexpr std::size_t kMaxSegments = 256;

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_386:
      return "i386";
    case EM_X86_64:
      return "x86-64";
    case EM_ARM:
      return "arm";
    case EM_AARCH64:
      return "aarch64";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390x";
    default:
      return fmt::format("machine {}", machine);
  }
}

Error not_a_library(std::string_view why) {
  return Error{fmt::format("not a shared library ({}): give the .so file that the plugin's build made", why)};
}

/// `count` entries of `size` bytes at `offset` lie within the file.
bool is_inside(ByteView file, std::uint64_t offset, std::uint64_t count, std::uint64_t size) {
  return offset <= file.size() && (size == 0 || count <= (file.size() - offset) / size);
}

}  // namespace

Result<void> check_elf(ByteView file) {
  if (file.size() < SELFMAG || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0) {
    return not_a_library("it has no ELF header");
  }
  const Error cut_off{"the shared library is cut off: copy or build it again"};
  if (file.size() < EI_NIDENT) return cut_off;
  if (file[EI_CLASS] != ELFCLASS64 || file[EI_DATA] != ELFDATA2LSB) {
    return Error{fmt::format("built for another kind of machine (not 64-bit little-endian): build it for {}",
                             machine_name(kMachine))};
  }
  Elf64_Ehdr header;
  if (file.size() < sizeof header) return cut_off;
  std::memcpy(&header, file.data(), sizeof header);
  if (header.e_machine != kMachine) {
    return Error{
        fmt::format("built for {}: build it for {}", machine_name(header.e_machine), machine_name(kMachine))};
  }
  if (header.e_type != ET_DYN) return not_a_library("it is another kind of ELF file");
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kMaxSegments) {
    return not_a_library("its program headers make no sense");
  }
  if (!is_inside(file, header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr)) ||
      !is_inside(file, header.e_shoff, header.e_shnum, header.e_shentsize)) {
    return cut_off;
  }
  bool has_dynamic = false;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, file.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_INTERP) return not_a_library("it is a program");
    if (segment.p_type == PT_DYNAMIC) has_dynamic = true;
    if (segment.p_type == PT_LOAD && !is_inside(file, segment.p_offset, segment.p_filesz, 1)) return cut_off;
  }
  if (!has_dynamic) return not_a_library("it has no dynamic section");
  return {};
}

}  // namespace causeway::plugin
