// What an answer must hold, and the forms of answers in which it is looked for. Values.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tensor/datatype.h"

namespace pyserver::loadgen {

// Whose message an answer is.
enum class AnswerForm {
  kMessage,        // anybody's: taken as a whole
  kPredict,        // pyserver.v1.PredictResponse
  kOpenInference,  // inference.ModelInferResponse
  kTensorflow,     // tensorflow.serving.PredictResponse
};

// How an answer on a stream names its request.
enum class IdReader {
  kNone,           // it does not: answers come in order
  kPredict,        // pyserver.v1.PredictStreamResponse.id
  kOpenInference,  // inference.ModelStreamInferResponse.infer_response.id
};

struct ExpectedTensor {
  std::string name;
  Datatype datatype = Datatype::kUint8;
  std::vector<std::byte> contents;  // raw, little-endian
};

struct Expectation {
  AnswerForm form = AnswerForm::kMessage;
  // kMessage: one, and only its contents count.
  std::vector<ExpectedTensor> outputs;
  // |got - expected| <= absolute + relative * |expected|, for floating-point outputs; both 0: bit-exact.
  double absolute = 0;
  double relative = 0;
};

}  // namespace pyserver::loadgen
