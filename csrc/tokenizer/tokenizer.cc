#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"
#include "openvino/runtime/core.hpp"
#include "openvino/runtime/properties.hpp"
#include "tokenizer/ragged_ids.h"

namespace pyserver {
namespace {

constexpr std::size_t kMaxMessageBytes = 400;
constexpr std::size_t kMaxPathBytes = 1024;
// The operations count in 32 bits, and make at most 20 bytes of one.
constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxTextsAtOnce = 1024;
// Comes after the texts of every run. OpenVINO leaves out an operation that is given no bytes at all, and what the
// operation gave for the texts before would be taken for its answer: here there is always a byte, also where the texts
// are empty or are normalized to nothing. load() proves that it becomes a token.
constexpr std::string_view kCompanion = "a";

// The requests of a compiled model, lent to one call each.
class RequestPool {
 public:
  // May throw what OpenVINO does.
  RequestPool(ov::CompiledModel& model, int count) {
    for (int index = 0; index < count; ++index) idle_.push_back(model.create_infer_request());
  }

  class Loan {
   public:
    explicit Loan(RequestPool& pool) : pool_(pool), request_(pool.take()) {}
    ~Loan() { pool_.give_back(std::move(request_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ov::InferRequest& request() noexcept { return request_; }

   private:
    RequestPool& pool_;
    ov::InferRequest request_;
  };

 private:
  ov::InferRequest take() {
    std::unique_lock lock(mutex_);
    given_back_.wait(lock, [this] { return !idle_.empty(); });
    ov::InferRequest request = std::move(idle_.back());
    idle_.pop_back();
    return request;
  }

  void give_back(ov::InferRequest request) noexcept {
    {
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(request));  // never beyond the capacity that it had at first
    }
    given_back_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<ov::InferRequest> idle_;
};

class OpenVinoTokenizer final : public Tokenizer {
 public:
  OpenVinoTokenizer(ov::Core core, ov::CompiledModel model, TokenizerOptions options)
      : core_(std::move(core)),
        options_(std::move(options)),
        model_(std::move(model)),
        pool_(model_, options_.threads) {}

  const TokenRowOptions& rows() const noexcept override { return options_.rows; }

  Status check(std::span<const std::string_view> texts) const override {
    for (std::size_t row = 0; row < texts.size(); ++row) {
      if (texts[row].size() > options_.max_text_bytes) {
        return invalid_argument(concat("row ", row, ": expected a text of at most ", options_.max_text_bytes,
                                       " bytes, got ", texts[row].size()));
      }
      if (!is_utf8(texts[row])) {
        return invalid_argument(
            concat("row ", row, ": expected a text in UTF-8, got ", pyserver::quoted(texts[row], 64)));
      }
    }
    return {};
  }

  Status encode(std::span<const std::string_view> texts, Encoded& out) override {
    try {
      PYSERVER_RETURN_IF_ERROR(check(texts));
      std::vector<std::int32_t> ids;
      std::vector<std::size_t> ends;
      PYSERVER_RETURN_IF_ERROR(tokenize(texts, ids, ends));
      std::vector<std::span<const std::int32_t>> rows;
      std::size_t begin = 0;
      for (const std::size_t end : ends) {
        rows.push_back(std::span<const std::int32_t>(ids).subspan(begin, end - begin));
        begin = end;
      }
      return make_rows(rows, options_.rows, out);
    } catch (const std::bad_alloc&) {
      return resource_exhausted("there is no memory for these texts");
    } catch (const std::exception& exception) {
      return internal_error(concat("the tokenizer failed: ", pyserver::quoted(exception.what(), kMaxMessageBytes)));
    }
  }

 private:
  // A few texts at a time, so that what OpenVINO holds meanwhile is a small multiple of max_text_bytes. Each result is
  // copied: the request's memory belongs to its next run.
  Status tokenize(std::span<const std::string_view> texts, std::vector<std::int32_t>& ids,
                  std::vector<std::size_t>& ends) {
    RequestPool::Loan loan(pool_);
    std::vector<std::span<const std::int32_t>> found;
    while (!texts.empty()) {
      std::size_t count = 1;
      for (std::size_t bytes = texts[0].size(); count < std::min(texts.size(), kMaxTextsAtOnce); ++count) {
        bytes += texts[count].size();
        if (bytes > options_.max_text_bytes) break;
      }
      run(loan.request(), texts.first(count));
      found.clear();
      PYSERVER_RETURN_IF_ERROR(read_ragged_ids(loan.request(), count + 1, found));
      if (found.back().empty()) return internal_error("the tokenizer made no token of 'a'");
      for (const auto text : std::span(found).first(count)) {
        ids.insert(ids.end(), text.begin(), text.end());
        ends.push_back(ids.size());
      }
      texts = texts.subspan(count);
    }
    return {};
  }

  static void run(ov::InferRequest& request, std::span<const std::string_view> texts) {
    ov::Tensor input(ov::element::string, ov::Shape{texts.size() + 1});
    auto* const strings = input.data<std::string>();
    for (std::size_t text = 0; text < texts.size(); ++text) strings[text].assign(texts[text]);
    strings[texts.size()] = std::string(kCompanion);
    request.set_input_tensor(input);
    // Not infer(): with one thread, that of OpenVINO 2026.4 returns as if all were well when an operation throws.
    request.start_async();
    request.wait();
  }

  ov::Core core_;  // first, so that OpenVINO's CPU plugin and the extension outlive what they made
  const TokenizerOptions options_;
  ov::CompiledModel model_;
  RequestPool pool_;
};

bool has_ragged_outputs(const ov::Model& model) {
  if (model.inputs().size() != 1 || model.input().get_element_type() != ov::element::string) return false;
  if (model.outputs().size() != kRaggedOutputs) return false;
  for (const auto& output : model.outputs()) {
    if (output.get_element_type() != ov::element::i32) return false;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::string& model_path, const std::string& extension_path,
                                                   TokenizerOptions options) {
  if (options.max_text_bytes < 1 || options.max_text_bytes > kMaxTextBytes) {
    return invalid_argument(concat("max_text_bytes must be 1 to ", kMaxTextBytes, ", got ", options.max_text_bytes));
  }
  if (options.threads < 1) return invalid_argument(concat("threads must be at least 1, got ", options.threads));
  PYSERVER_RETURN_IF_ERROR(pyserver::check(options.rows));
  // Outlives the model and what may be thrown, whose code is the extension's.
  std::optional<ov::Core> core;
  std::unique_ptr<Tokenizer> tokenizer;
  try {
    core.emplace().add_extension(extension_path);
    const std::shared_ptr<ov::Model> model = core->read_model(model_path);
    if (!has_ragged_outputs(*model)) {
      return invalid_argument(
          concat("the tokenizer ", pyserver::quoted(model_path, kMaxPathBytes),
                 ": expected one input of texts and 3 outputs of I32, got a model of another kind"));
    }
    // One stream a call, each on a thread of its own.
    ov::CompiledModel compiled =
        core->compile_model(model, "CPU", ov::inference_num_threads(options.threads), ov::num_streams(options.threads));
    tokenizer = std::make_unique<OpenVinoTokenizer>(*core, std::move(compiled), std::move(options));
  } catch (const std::exception& exception) {
    return invalid_argument(concat("the tokenizer ", pyserver::quoted(model_path, kMaxPathBytes),
                                   " cannot be loaded: ", pyserver::quoted(exception.what(), kMaxMessageBytes)));
  }
  // The operations build their tables when they run for the first time: better now than in a request, and by one
  // thread.
  Encoded ignored;
  PYSERVER_RETURN_IF_ERROR(tokenizer->encode({&kCompanion, 1}, ignored));
  return tokenizer;
}

}  // namespace pyserver
