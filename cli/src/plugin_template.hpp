#pragma once

#include <span>
#include <string_view>

namespace causeway::cli {

/// One file of sdk/template, embedded when this program was built.
struct TemplateFile {
  std::string_view kind;  ///< "common", or the kind that it belongs to
  std::string_view path;  ///< within the new folder
  std::string_view text;  ///< `template-plugin` stands for the name
};

std::span<const TemplateFile> template_files();

}  // namespace causeway::cli
