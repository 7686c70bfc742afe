// Ops and what is made of them, as pyserver._core.OpChain, Processing and op_entries().
#include "memory/allocator.h"
#include "ops/op_chain.h"
#include "ops/op_registry.h"
#include "python/bindings.h"
#include "python/named_ops.h"

namespace py = pybind11;

namespace pyserver {
namespace {

// pyserver._core.OpChain. One thread at a time: the GIL is held while it runs.
struct ChainHolder {
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool = BufferPool::create(allocator, {});
  ChainContext context{*pool};
  OpChain chain;

  explicit ChainHolder(OpChain made) : chain(std::move(made)) {}
};

std::unique_ptr<ChainHolder> make_chain(const NamedOps& ops, const std::string& datatype,
                                        const std::vector<std::int64_t>& shape,
                                        const std::vector<std::string>& folders) {
  const RowSpec input{to_datatype(datatype), to_shape(shape)};
  return std::make_unique<ChainHolder>(value_or_throw(OpChain::create(make_ops(ops, folders), input)));
}

TensorView row_of(const ChainHolder& holder, std::string_view bytes, const Shape& shape) {
  const RowSpec& input = holder.chain.input();
  const TensorView row{"", input.datatype, shape, std::as_bytes(std::span(bytes))};
  throw_unless_ok(check_contents(row));
  if (!input.shape.admits(shape)) {
    throw py::value_error("expected shape " + to_string(input.shape) + ", got " + to_string(shape));
  }
  return row;
}

py::tuple run(ChainHolder& holder, const py::bytes& bytes, const std::vector<std::int64_t>& shape) {
  const TensorView row = row_of(holder, std::string_view(bytes), to_shape(shape));
  const Shape planned = value_or_throw(holder.chain.plan(row));
  holder.context.geometry = {};
  const Datatype datatype = holder.chain.output().datatype;
  if (datatype == Datatype::kBytes) {
    std::vector<std::byte> texts;
    throw_unless_ok(holder.chain.append_texts(row, texts, holder.context));
    return py::make_tuple(to_tuple(planned), py::bytes(reinterpret_cast<const char*>(texts.data()), texts.size()));
  }
  const auto count = static_cast<std::size_t>(planned.element_count().value_or(0));
  py::bytes output = new_bytes(count * size_of(datatype));
  auto* const data = reinterpret_cast<std::byte*>(PyBytes_AS_STRING(output.ptr()));
  throw_unless_ok(holder.chain.run(row, {data, count * size_of(datatype)}, holder.context));
  return py::make_tuple(to_tuple(planned), output);
}

}  // namespace

Processing& ProcessingHolder::get() const {
  if (processing == nullptr) throw py::value_error("this processing belongs to a ModelRuntime already");
  return *processing;
}

void bind_ops(py::module_& module) {
  py::class_<ChainHolder>(module, "OpChain")
      .def(py::init(&make_chain), py::arg("ops"), py::arg("datatype"), py::arg("shape"), py::kw_only(),
           py::arg("folders") = std::vector<std::string>())
      .def_property_readonly("datatype", [](const ChainHolder& self) { return name_of(self.chain.output().datatype); })
      .def_property_readonly("shape", [](const ChainHolder& self) { return to_tuple(self.chain.output().shape); })
      .def("run", &run, py::arg("row"), py::arg("shape"));

  using Folders = std::vector<std::string>;
  py::class_<ProcessingHolder>(module, "Processing")
      .def(py::init([](const ModelSignature& model) { return ProcessingHolder{std::make_unique<Processing>(model)}; }),
           py::arg("model"))
      .def(
          "add_input",
          [](ProcessingHolder& self, TensorSpec client, const std::string& input, const NamedOps& ops,
             const Folders& folders) {
            throw_unless_ok(self.get().add_input(std::move(client), input, make_ops(ops, folders)));
          },
          py::arg("client"), py::arg("model_input"), py::arg("ops"), py::kw_only(), py::arg("folders") = Folders())
      .def(
          "add_texts",
          [](ProcessingHolder& self, std::string client, std::shared_ptr<Tokenizer> tokenizer, std::string ids,
             std::string mask, std::string types) {
            throw_unless_ok(self.get().add_texts(std::move(client), std::move(tokenizer),
                                                 {std::move(ids), std::move(mask), std::move(types)}));
          },
          py::arg("client"), py::arg("tokenizer"), py::kw_only(), py::arg("input_ids") = "",
          py::arg("attention_mask") = "", py::arg("token_type_ids") = "")
      .def(
          "add_output",
          [](ProcessingHolder& self, const std::string& output, const NamedOps& ops, const Folders& folders) {
            throw_unless_ok(self.get().add_output(output, make_ops(ops, folders)));
          },
          py::arg("output"), py::arg("ops"), py::kw_only(), py::arg("folders") = Folders())
      .def(
          "add_labels",
          [](ProcessingHolder& self, const std::string& output, const OpOptions::Value& labels,
             const Folders& folders) {
            OpOptions options({{"labels", labels}}, folders);
            std::vector<std::string> lines = options.lines("labels");
            throw_unless_ok(options.status());
            throw_unless_ok(self.get().add_labels(output, std::move(lines)));
          },
          py::arg("output"), py::arg("labels"), py::kw_only(), py::arg("folders") = Folders())
      .def(
          "tell_engine_ops",
          [](ProcessingHolder& self, std::string client, std::string tensor, std::vector<std::string> ops,
             bool before_model) {
            EngineOps told{std::move(client), std::move(tensor), std::move(ops)};
            if (before_model) {
              self.get().tell_input_ops(std::move(told));
            } else {
              self.get().tell_output_ops(std::move(told));
            }
          },
          py::arg("client"), py::arg("tensor"), py::arg("ops"), py::kw_only(), py::arg("before_model"))
      .def_property_readonly("client", [](const ProcessingHolder& self) { return self.get().client(); });

  module.def("op_entries", [] {
    py::dict entries;
    for (const OpEntry& entry : op_entries()) entries[py::str(entry.name)] = py::str(entry.help);
    return entries;
  });
}

}  // namespace pyserver
