// The texts of source/, which are compiled where a GPU is: the build puts them into the program.
#pragma once

#include <span>
#include <string_view>

namespace pyserver::kernels {

struct SourceFile {
  std::string_view name;  // "softmax.cu", as others include it
  std::string_view text;
};

std::span<const SourceFile> source_files();

}  // namespace pyserver::kernels
