#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace causeway::validator {

/// What a shared library tells of itself without being loaded.
struct ElfFacts {
  bool has_symbols = false;           ///< a dynamic symbol table was found
  std::vector<std::string> exported;  ///< defined and visible outside, without versions
  std::vector<std::string> unique;    ///< of those, STB_GNU_UNIQUE: they pin the library
  std::vector<std::string> imported;  ///< undefined
  std::vector<std::string> needed;    ///< DT_NEEDED
  std::string search_path;            ///< DT_RPATH or DT_RUNPATH
  bool no_delete = false;             ///< DF_1_NODELETE: dlclose does not unmap it
  bool has_text_relocations = false;
  bool has_executable_stack = false;
};

/// Of a file that plugin::check_elf() accepts. Reads only within `file`; what makes no sense is left out.
ElfFacts read_elf_facts(ByteView file);

}  // namespace causeway::validator
