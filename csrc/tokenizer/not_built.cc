// What stands for the tokenizer in a build without OpenVINO.
#include "tokenizer/tokenizer.h"

namespace pyserver {

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::string&, const std::string&, TokenizerOptions) {
  return unimplemented(
      "texts cannot be tokenized: this core was built without OpenVINO (PYSERVER_ENGINE_OPENVINO=OFF), which executes "
      "tokenizers; install a build with it");
}

}  // namespace pyserver
