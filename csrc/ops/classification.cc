#include "ops/classification.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "ops/element.h"

namespace pyserver {
namespace {

template <typename Number>
struct Candidate {
  Number score{};
  std::size_t index = 0;
};

// Whether `a` stands before `b`: a strict order of all candidates, as no two have one index.
template <typename Number>
bool stands_before(const Candidate<Number>& a, const Candidate<Number>& b) noexcept {
  if constexpr (std::floating_point<Number>) {
    const bool a_nan = a.score != a.score;
    const bool b_nan = b.score != b.score;
    if (a_nan != b_nan) return b_nan;
    if (a_nan) return a.index < b.index;
  }
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

// The first `k` in their order. Holds no more than that many, in a heap whose front is the last of them.
template <typename Element>
auto top_k(std::span<const std::byte> scores, std::size_t k) {
  using Number = decltype(number_of(Element()));
  std::vector<Candidate<Number>> best;
  const std::size_t count = scores.size() / sizeof(Element);
  k = std::min(k, count);
  if (k == 0) return best;
  best.reserve(k);
  for (std::size_t index = 0; index < count; ++index) {
    const Candidate<Number> candidate{number_of(load<Element>(scores.data(), index)), index};
    if (best.size() < k) {
      best.push_back(candidate);
      std::push_heap(best.begin(), best.end(), stands_before<Number>);
    } else if (stands_before(candidate, best.front())) {
      std::pop_heap(best.begin(), best.end(), stands_before<Number>);
      best.back() = candidate;
      std::push_heap(best.begin(), best.end(), stands_before<Number>);
    }
  }
  std::sort_heap(best.begin(), best.end(), stands_before<Number>);
  return best;
}

void append_element(std::string_view text, std::vector<std::byte>& out) {
  const auto length = static_cast<std::uint32_t>(text.size());
  const auto append = [&out](std::span<const std::byte> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); };
  append(std::as_bytes(std::span(&length, 1)));  // little-endian, as every machine that we build for
  append(std::as_bytes(std::span(text)));
}

template <typename Number>
void append_text(Number score, std::size_t index, std::span<const std::string> labels, std::vector<std::byte>& out) {
  std::string text = concat(std::to_string(score), ":", index);
  if (index < labels.size()) text += concat(":", labels[index]);
  append_element(text, out);
}

void append_label(std::size_t index, std::span<const std::string> labels, std::vector<std::byte>& out) {
  append_element(index < labels.size() ? labels[index] : std::to_string(index), out);
}

// Calls append(score, index) for each of the highest.
template <typename Append>
Status for_each_of_top_k(std::span<const std::byte> scores, Datatype datatype, std::size_t k, const Append& append) {
  if (datatype == Datatype::kBytes) return invalid_argument("expected numbers as scores, got BYTES");
  with_element(datatype, [&]<typename Element>(std::type_identity<Element>) {
    for (const auto& candidate : top_k<Element>(scores, k)) append(candidate.score, candidate.index);
  });
  return {};
}

}  // namespace

Status append_top_k(std::span<const std::byte> scores, Datatype datatype, std::size_t k,
                    std::span<const std::string> labels, std::vector<std::byte>& out) {
  return for_each_of_top_k(scores, datatype, k,
                           [&](auto score, std::size_t index) { append_text(score, index, labels, out); });
}

Status append_top_k_labels(std::span<const std::byte> scores, Datatype datatype, std::size_t k,
                           std::span<const std::string> labels, std::vector<std::byte>& out) {
  return for_each_of_top_k(scores, datatype, k, [&](auto, std::size_t index) { append_label(index, labels, out); });
}

void append_candidates(std::span<const std::byte> candidates, std::size_t k, std::span<const std::string> labels,
                       bool labels_only, std::vector<std::byte>& out) {
  k = std::min(k, candidates.size() / (2 * sizeof(double)));
  for (std::size_t at = 0; at < k; ++at) {
    const auto score = load<double>(candidates.data(), 2 * at);
    const auto index = converted<std::uint64_t>(load<double>(candidates.data(), 2 * at + 1));
    if (labels_only) {
      append_label(index, labels, out);
    } else {
      append_text(score, index, labels, out);
    }
  }
}

}  // namespace pyserver
