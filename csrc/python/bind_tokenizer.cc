// pyserver._core.Tokenizer.
#include "base/text.h"
#include "python/bindings.h"
#include "tokenizer/tokenizer.h"

namespace py = pybind11;

namespace pyserver {
namespace {

using IdsAndTypes = std::vector<std::pair<std::int64_t, std::int64_t>>;

std::vector<SpecialToken> to_tokens(const IdsAndTypes& pairs) {
  std::vector<SpecialToken> tokens;
  for (const auto& [id, type] : pairs) tokens.push_back({id, type});
  return tokens;
}

Side to_side(const std::string& name) {
  if (name == "right") return Side::kRight;
  if (name == "left") return Side::kLeft;
  throw py::value_error(concat("expected right or left, got ", quoted(name)));
}

std::unique_ptr<Tokenizer> make_tokenizer(const std::string& model_path, const std::string& extension_path, int threads,
                                          std::size_t max_text_bytes, const IdsAndTypes& before,
                                          const IdsAndTypes& after, std::int64_t text_type,
                                          std::optional<std::size_t> max_length, const std::string& cut,
                                          std::size_t pad_to, const std::string& pad, std::int64_t pad_id,
                                          std::int64_t pad_type) {
  TokenizerOptions options;
  options.threads = threads;
  options.max_text_bytes = max_text_bytes;
  options.rows.before = to_tokens(before);
  options.rows.after = to_tokens(after);
  options.rows.text_type = text_type;
  options.rows.max_length = max_length;
  options.rows.cut = to_side(cut);
  options.rows.pad_to = pad_to;
  options.rows.pad = to_side(pad);
  options.rows.pad_id = pad_id;
  options.rows.pad_type = pad_type;
  py::gil_scoped_release release;
  return value_or_throw(Tokenizer::load(model_path, extension_path, std::move(options)));
}

py::bytes to_bytes(const std::vector<std::int64_t>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int64_t)};
}

py::tuple encode(Tokenizer& tokenizer, const std::vector<py::bytes>& texts) {
  std::vector<std::string_view> views;
  for (const py::bytes& text : texts) views.emplace_back(text);
  Encoded encoded;
  Status status;
  {
    py::gil_scoped_release release;
    status = tokenizer.encode(views, encoded);
  }
  throw_unless_ok(status);
  return py::make_tuple(py::make_tuple(encoded.rows, encoded.length), to_bytes(encoded.ids), to_bytes(encoded.mask),
                        to_bytes(encoded.types));
}

}  // namespace

void bind_tokenizer(py::module_& module) {
  py::class_<Tokenizer, std::shared_ptr<Tokenizer>>(module, "Tokenizer")
      .def(py::init(&make_tokenizer), py::arg("model_path"), py::arg("extension_path"), py::kw_only(),
           py::arg("threads") = 1, py::arg("max_text_bytes") = std::size_t{1} << 20, py::arg("before") = IdsAndTypes(),
           py::arg("after") = IdsAndTypes(), py::arg("text_type") = 0, py::arg("max_length") = std::nullopt,
           py::arg("cut") = "right", py::arg("pad_to") = 0, py::arg("pad") = "right", py::arg("pad_id") = 0,
           py::arg("pad_type") = 0)
      .def("encode", &encode, py::arg("texts"));
}

}  // namespace pyserver
