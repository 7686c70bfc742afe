// inference.ModelInferRequest → Request; outputs → inference.ModelInferResponse.
#pragma once

#include "codec/wire_format.h"
#include "shared_memory/region_table.h"

namespace pyserver {

// As decode_predict_request(). Typed contents are converted into buffers of `pool`, but for fp32 and fp64 contents that
// arrive packed in one piece, which are used where they lie. Values out of the range of their datatype (300 for INT8)
// and contents in the wrong field are INVALID_ARGUMENT. Sets `request.wants_typed_contents` when contents came typed.
// Parameters: `priority` and `timeout` (µs; applied to `request.deadline`, counted from `now`) are honoured, and
// `classification` of an output; sequences (sequence_*) are UNIMPLEMENTED; any other is ignored, as the protocol says.
// The parameters shared_memory_* name places in `regions`: an input is copied from there now, so that its sender cannot
// change what was checked; an output's place stands in `request.output_places`. FAILED_PRECONDITION where `regions` is
// null.
Status decode_model_infer_request(std::span<const std::byte> bytes, TimePoint now, BufferPool& pool, Request& request,
                                  const RegionTable* regions = nullptr);

// Raw contents unless `typed`, and raw all the same where an output is FP16 or BF16; raw contents that `loan` covers
// are lent, not copied. An output in shared memory (`head.places`) has the parameters that say where, and no contents;
// among raw contents its own are empty, so that those of the others keep their number.
Result<Message> encode_model_infer_response(const ResponseHead& head, std::span<const TensorView> outputs, bool typed,
                                            const Loan& loan, BufferPool& pool);
Result<Message> encode_model_stream_infer_response(const ResponseHead& head, std::span<const TensorView> outputs,
                                                   bool typed, const Loan& loan, BufferPool& pool);
// error_message, and infer_response with model, version and id.
Result<Buffer> encode_model_stream_infer_error(const ResponseHead& head, const Status& status, BufferPool& pool);

}  // namespace pyserver
