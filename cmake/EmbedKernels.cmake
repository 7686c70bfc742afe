# Run as a script: writes OUTPUT, which holds the files of FOLDER as the texts that csrc/kernels/kernel_source.h
# promises.
file(GLOB files LIST_DIRECTORIES FALSE ${FOLDER}/*)
list(SORT files)
set(entries "")
foreach(path ${files})
  cmake_path(GET path FILENAME name)
  file(READ ${path} text)
  string(APPEND entries "    {\"${name}\", R\"__(${text})__\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"kernels/kernel_source.h\"

namespace pyserver::kernels {
namespace {

constexpr SourceFile kFiles[] = {
${entries}};

}  // namespace

std::span<const SourceFile> source_files() { return kFiles; }

}  // namespace pyserver::kernels
")
