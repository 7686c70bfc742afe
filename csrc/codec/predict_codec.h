// pyserver.v1.PredictRequest → Request; outputs → pyserver.v1.PredictResponse.
#pragma once

#include <functional>

#include "codec/wire_format.h"

namespace pyserver {

// Fills `request` from the message. Raw contents stay where they are (views into `bytes`); BYTES elements are packed
// into a buffer of `pool`. Checked here: the wire format, UTF-8 of names, datatypes, ranks, contents against shape ×
// datatype (check_contents), duplicate inputs and outputs (protobuf would silently keep the last). INVALID_ARGUMENT
// otherwise, naming what was expected and what came; then `request.id` and `request.model` are set if they could be
// read. Unknown fields are skipped, as protobuf does.
Status decode_predict_request(std::span<const std::byte> bytes, BufferPool& pool, Request& request);
// The same for PredictStreamRequest.
Status decode_predict_stream_request(std::span<const std::byte> bytes, BufferPool& pool, Request& request);

// `outputs` are written in the given order; raw contents that `loan` covers are lent, not copied. With `ledger`, it is
// called when all else has been written.
Result<Message> encode_predict_response(const ResponseHead& head, std::span<const TensorView> outputs,
                                        const std::function<Ledger()>& ledger, const Loan& loan, BufferPool& pool);
Result<Message> encode_predict_stream_response(const ResponseHead& head, std::span<const TensorView> outputs,
                                               const std::function<Ledger()>& ledger, const Loan& loan,
                                               BufferPool& pool);
Result<Buffer> encode_predict_stream_error(std::string_view id, const Status& status, BufferPool& pool);

}  // namespace pyserver
