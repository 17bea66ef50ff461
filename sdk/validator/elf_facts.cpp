#include "sdk/validator/elf_facts.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace causeway::validator {

namespace {

constexpr std::size_t kMostSymbols = 200'000;
constexpr std::size_t kMostText = 400;  // of a name

template <class T>
std::optional<T> read_at(ByteView file, std::uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

ByteView part(ByteView file, std::uint64_t offset, std::uint64_t size) {
  if (offset > file.size() || size > file.size() - offset) return {};
  return file.subspan(offset, size);
}

/// The terminated text at `offset` of a string table.
std::string text_at(ByteView table, std::uint64_t offset) {
  if (offset >= table.size()) return {};
  const auto rest = table.subspan(offset, std::min<std::uint64_t>(table.size() - offset, kMostText));
  const auto end = std::find(rest.begin(), rest.end(), std::uint8_t{0});
  return std::string(rest.begin(), end);
}

/// Entries are copied out one by one: a file need not align them.
template <class Entry, class Use>
void each(ByteView bytes, Use use) {
  for (std::size_t i = 0; i < std::min(bytes.size() / sizeof(Entry), kMostSymbols); ++i) {
    Entry entry;
    std::memcpy(&entry, bytes.data() + i * sizeof entry, sizeof entry);
    use(entry);
  }
}

void note_symbol(ElfFacts& facts, const Elf64_Sym& symbol, ByteView strings) {
  std::string name = text_at(strings, symbol.st_name);
  const int binding = ELF64_ST_BIND(symbol.st_info);
  if (name.empty() || binding == STB_LOCAL) return;
  if (symbol.st_shndx == SHN_UNDEF) {
    facts.imported.push_back(std::move(name));
    return;
  }
  // Version names are symbols of their own; nobody can link to them.
  if (symbol.st_shndx == SHN_ABS && symbol.st_size == 0 && ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT)
    return;
  const int visibility = ELF64_ST_VISIBILITY(symbol.st_other);
  if (visibility != STV_DEFAULT && visibility != STV_PROTECTED) return;
  if (binding == STB_GNU_UNIQUE) facts.unique.push_back(name);
  facts.exported.push_back(std::move(name));
}

void note_dynamic(ElfFacts& facts, const Elf64_Dyn& entry, ByteView strings) {
  switch (entry.d_tag) {
    case DT_NEEDED:
      facts.needed.push_back(text_at(strings, entry.d_un.d_val));
      break;
    case DT_RPATH:
    case DT_RUNPATH:
      facts.search_path = text_at(strings, entry.d_un.d_val);
      break;
    case DT_TEXTREL:
      facts.has_text_relocations = true;
      break;
    case DT_FLAGS:
      if ((entry.d_un.d_val & DF_TEXTREL) != 0) facts.has_text_relocations = true;
      break;
    case DT_FLAGS_1:
      if ((entry.d_un.d_val & DF_1_NODELETE) != 0) facts.no_delete = true;
      break;
    default:
      break;
  }
}

}  // namespace

ElfFacts read_elf_facts(ByteView file) {
  ElfFacts facts;
  const auto header = read_at<Elf64_Ehdr>(file, 0);
  if (!header) return facts;
  for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = read_at<Elf64_Phdr>(file, header->e_phoff + i * sizeof(Elf64_Phdr));
    if (segment && segment->p_type == PT_GNU_STACK)
      facts.has_executable_stack = (segment->p_flags & PF_X) != 0;
  }
  if (header->e_shentsize != sizeof(Elf64_Shdr)) return facts;
  const auto section_at = [&](std::uint64_t index) {
    return read_at<Elf64_Shdr>(file, header->e_shoff + index * sizeof(Elf64_Shdr));
  };
  for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
    const auto section = section_at(i);
    if (!section || (section->sh_type != SHT_DYNSYM && section->sh_type != SHT_DYNAMIC)) continue;
    const auto linked = section_at(section->sh_link);
    if (!linked) continue;
    const ByteView bytes = part(file, section->sh_offset, section->sh_size);
    const ByteView strings = part(file, linked->sh_offset, linked->sh_size);
    if (section->sh_type == SHT_DYNSYM) {
      facts.has_symbols = true;
      each<Elf64_Sym>(bytes, [&](const Elf64_Sym& symbol) { note_symbol(facts, symbol, strings); });
    } else {
      each<Elf64_Dyn>(bytes, [&](const Elf64_Dyn& entry) { note_dynamic(facts, entry, strings); });
    }
  }
  return facts;
}

}  // namespace causeway::validator
