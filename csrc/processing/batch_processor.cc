#include "processing/batch_processor.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "memory/reserve.h"
#include "processing/row_reader.h"

namespace pyserver {

BatchProcessor::BatchProcessor(const Processing& processing, BufferPool& pool, std::size_t threads)
    : processing_(processing),
      pool_(pool),
      threads_(threads),
      encoded_(processing.made_texts().size()),
      output_buffers_(processing.made_outputs().size()) {
  contexts_.reserve(threads_.count());
  while (contexts_.size() < threads_.count()) contexts_.emplace_back(pool);
}

void BatchProcessor::add_steps(const MadeInput& made, const Request& request, std::size_t index, std::size_t first_row,
                               std::span<std::byte> room) {
  const TensorView& source = request.sources[made.client];
  if (source.name.empty()) return;  // absent
  const auto rows = static_cast<std::size_t>(request.rows);
  const std::size_t row_bytes = room.size() / rows;
  RowReader reader(source, !processing_.model().batches());
  for (std::size_t row = 0; row < rows; ++row) {
    steps_.push_back(
        {&made.chain, reader.next(), room.subspan(row * row_bytes, row_bytes), first_row + row, index, {}});
  }
}

Status BatchProcessor::prepare(std::span<const std::unique_ptr<Request>> requests) {
  for (std::size_t index = 0; index < encoded_.size(); ++index) {
    const MadeTexts& made = processing_.made_texts()[index];
    Encoded& encoded = encoded_[index];
    std::vector<std::string_view> texts;
    for (const auto& request : requests) {
      const std::vector<std::string_view> own = texts_of(request->sources[made.client]);
      texts.insert(texts.end(), own.begin(), own.end());
    }
    if (Status status = made.tokenizer->encode(texts, encoded); !status.ok()) {
      return {status.code(), concat("input ", quoted(made.name), ": tokenize: ", status.message())};
    }
    for (const auto& request : requests) {
      for (const MadeTexts::Target& target : made.targets) {
        request->inputs[target.model].shape[1] = static_cast<std::int64_t>(encoded.length);
      }
    }
  }
  return {};
}

void BatchProcessor::write_texts(std::span<const std::span<std::byte>> rooms) {
  for (std::size_t index = 0; index < encoded_.size(); ++index) {
    for (const MadeTexts::Target& target : processing_.made_texts()[index].targets) {
      write_tokens(encoded_[index].*target.values, processing_.model().inputs[target.model].datatype,
                   rooms[target.model]);
    }
  }
}

void BatchProcessor::preprocess(std::span<const std::unique_ptr<Request>> requests,
                                std::span<const std::span<std::byte>> rooms, std::vector<Status>& statuses) {
  statuses.assign(requests.size(), {});
  write_texts(rooms);
  steps_.clear();
  std::size_t rows = 0;
  for (const auto& request : requests) rows += static_cast<std::size_t>(request->rows);
  geometries_.assign(rows, {});
  for (const MadeInput& made : processing_.made_inputs()) {
    std::span<std::byte> room = rooms[made.model];
    std::size_t first_row = 0;
    for (std::size_t index = 0; index < requests.size(); ++index) {
      const Request& request = *requests[index];
      const TensorView& input = request.inputs[made.model];
      const auto elements = static_cast<std::size_t>(input.shape.element_count().value_or(0));
      const std::size_t bytes = input.name.empty() ? 0 : elements * size_of(input.datatype);
      add_steps(made, request, index, first_row, room.first(bytes));
      room = room.subspan(bytes);
      first_row += static_cast<std::size_t>(request.rows);
    }
  }
  threads_.for_each(steps_.size(), [this](std::size_t thread, std::size_t index) {
    Step& step = steps_[index];
    ChainContext& context = contexts_[thread];
    context.geometry = {};
    step.status = step.chain->run(step.row, step.output, context);
    // Of several pictures in one row the last counts; no model has been seen that needs more.
    if (context.geometry.source_width > 0) geometries_[step.batch_row] = context.geometry;
  });
  for (const Step& step : steps_) {
    Status& status = statuses[step.request];
    if (step.status.ok() || !status.ok()) continue;
    status = {step.status.code(), concat("input ", quoted(step.row.name), ": ", step.status.message())};
  }
}

Status BatchProcessor::make_output(const MadeOutput& made, TensorView& output, Buffer& buffer) {
  const bool batches = processing_.model().batches() || made.leading_one;
  const auto rows = batches ? static_cast<std::size_t>(output.shape[0]) : 1;
  const RowSpec& given = made.chain.output();
  RowReader reader(output, !batches);
  steps_.clear();
  for (std::size_t row = 0; row < rows; ++row) {
    steps_.push_back({&made.chain, reader.next(), {}, row, 0, {}});
  }
  Result<Shape> shape = rows == 0 ? Result<Shape>(given.shape) : made.chain.plan(steps_.front().row);
  if (!shape.ok()) return std::move(shape).status();
  const bool texts = given.datatype == Datatype::kBytes;
  if (texts) {
    texts_.resize(rows);
  } else {
    const auto row_bytes = static_cast<std::size_t>(shape->element_count().value_or(0)) * size_of(given.datatype);
    const auto room = reserve(pool_, buffer, row_bytes * rows);
    if (!room.ok()) return room.status();
    for (std::size_t row = 0; row < rows; ++row) steps_[row].output = room->subspan(row * row_bytes, row_bytes);
  }
  threads_.for_each(rows, [this, texts](std::size_t thread, std::size_t row) {
    Step& step = steps_[row];
    ChainContext& context = contexts_[thread];
    context.geometry = row < geometries_.size() ? geometries_[row] : PictureGeometry{};
    if (texts) {
      texts_[row].clear();
      step.status = step.chain->append_texts(step.row, texts_[row], context);
    } else {
      step.status = step.chain->run(step.row, step.output, context);
    }
  });
  for (const Step& step : steps_) PYSERVER_RETURN_IF_ERROR(step.status);
  if (texts) {
    std::size_t bytes = 0;
    for (const Texts& row : texts_) bytes += row.size();
    const auto room = reserve(pool_, buffer, bytes);
    if (!room.ok()) return room.status();
    std::byte* to = room->data();
    for (const Texts& row : texts_) to = std::copy(row.begin(), row.end(), to);
  }
  output.datatype = given.datatype;
  output.shape = batches ? shape->with_front(static_cast<std::int64_t>(rows)) : *shape;
  output.bytes = buffer.bytes();
  return {};
}

Result<std::span<const TensorView>> BatchProcessor::postprocess(std::span<const TensorView> outputs) {
  if (processing_.made_outputs().empty()) return outputs;
  outputs_.assign(outputs.begin(), outputs.end());
  for (std::size_t index = 0; index < output_buffers_.size(); ++index) {
    const MadeOutput& made = processing_.made_outputs()[index];
    if (Status status = make_output(made, outputs_[made.index], output_buffers_[index]); !status.ok()) {
      const std::string& name = processing_.model().outputs[made.index].name;
      return Status(status.code(), concat("output ", quoted(name), ": ", status.message()));
    }
  }
  return std::span<const TensorView>(outputs_);
}

}  // namespace pyserver
