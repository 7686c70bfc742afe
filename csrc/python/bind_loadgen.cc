// The load generator's engine, as pyserver._core.Load…: options come as seconds, results go as nanoseconds.
#include <pybind11/numpy.h>

#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "loadgen/load_run.h"
#include "python/bindings.h"
#include "python/core.h"

namespace py = pybind11;

namespace pyserver {
namespace {

using namespace loadgen;

// A bad argument is a ValueError in Python.
template <typename T>
T value_of(Result<T> result) {
  if (!result.ok()) throw py::value_error(result.status().message());
  return *std::move(result);
}

[[noreturn]] void raise_connection_error(const Status& status) {
  PyErr_SetString(PyExc_ConnectionError, status.message().c_str());
  throw py::error_already_set();
}

Nanos to_nanos(double seconds, const char* what) {
  // Ten years: more would overflow.
  constexpr double kLongest = 10.0 * 365 * 24 * 3600;
  if (!(seconds >= -kLongest && seconds <= kLongest)) throw py::value_error(concat(std::string(what), " is no time"));
  return static_cast<Nanos>(seconds * 1e9);
}

std::span<const std::byte> bytes_of(const py::bytes& bytes) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0) throw py::error_already_set();
  return {reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(size)};
}

AnswerForm answer_form(const std::string& name) {
  if (name == "predict") return AnswerForm::kPredict;
  if (name == "open_inference") return AnswerForm::kOpenInference;
  if (name == "tensorflow") return AnswerForm::kTensorflow;
  if (name == "message") return AnswerForm::kMessage;
  throw py::value_error(concat("reader ", quoted(name), ": expected predict, open_inference, tensorflow or message"));
}

IdReader id_reader(const std::string& name) {
  if (name.empty()) return IdReader::kNone;
  if (name == "predict") return IdReader::kPredict;
  if (name == "open_inference") return IdReader::kOpenInference;
  throw py::value_error(concat("id_reader ", quoted(name), ": expected predict, open_inference or nothing"));
}

Expectation make_expectation(const std::string& reader,
                             const std::vector<std::tuple<std::string, std::string, py::bytes>>& outputs,
                             double absolute, double relative) {
  Expectation expectation{answer_form(reader), {}, absolute, relative};
  if (!(absolute >= 0 && relative >= 0)) throw py::value_error("a tolerance cannot be negative");
  for (const auto& [name, datatype, contents] : outputs) {
    const std::optional<Datatype> known = datatype_from_name(datatype);
    if (!known && expectation.form != AnswerForm::kMessage) {
      throw py::value_error(concat("output ", quoted(name), ": ", quoted(datatype), " is no datatype"));
    }
    const std::span<const std::byte> bytes = bytes_of(contents);
    expectation.outputs.push_back({name, known.value_or(Datatype::kUint8), {bytes.begin(), bytes.end()}});
  }
  if (expectation.form == AnswerForm::kMessage && expectation.outputs.size() != 1) {
    throw py::value_error("a message is expected as one output");
  }
  return expectation;
}

// pyserver._core.LoadTarget. Keeps the core whose models it names.
struct TargetHolder {
  LoadTarget target;
  py::object core;
};

TargetHolder make_target(std::string address, const std::string& protocol, bool tls, std::string ca_pem,
                         std::string certificate_pem, std::string key_pem, std::string server_name, bool verify) {
  if (protocol != "grpc" && protocol != "http") {
    throw py::value_error(concat("protocol ", quoted(protocol), ": expected grpc or http"));
  }
  std::optional<TlsClientOptions> options;
  if (tls) {
    options = TlsClientOptions{.authorities = std::move(ca_pem),
                               .certificate_chain = std::move(certificate_pem),
                               .private_key = std::move(key_pem),
                               .server_name = std::move(server_name),
                               .verify = verify,
                               .application_protocol = {}};
  }
  const auto spoken = protocol == "grpc" ? TransportProtocol::kGrpc : TransportProtocol::kHttp1;
  py::gil_scoped_release release;
  Result<LoadTarget> target = LoadTarget::at(std::move(address), spoken, std::move(options));
  py::gil_scoped_acquire acquire;
  return {value_of(std::move(target)), py::none()};
}

TargetHolder make_in_process_target(const py::object& core, Protocol form) {
  return {LoadTarget::in_process(core.cast<Core&>().service, form), core};
}

std::shared_ptr<LoadRequests> make_requests(std::string path, const std::vector<py::bytes>& bodies,
                                            std::vector<std::pair<std::string, std::string>> headers, bool streaming,
                                            std::optional<std::size_t> id_offset, const std::string& reader,
                                            std::vector<std::optional<Expectation>> expectations, bool ledger) {
  std::vector<std::string_view> views;
  views.reserve(bodies.size());
  for (const py::bytes& body : bodies) {
    const std::span<const std::byte> bytes = bytes_of(body);
    views.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  LoadRequests::Options options{.path = std::move(path),
                                .headers = std::move(headers),
                                .streaming = streaming,
                                .id_offset = id_offset,
                                .id_reader = id_reader(reader),
                                .expectations = std::move(expectations),
                                .ledger = ledger};
  // Python's objects have no const; nothing that is bound changes them.
  return std::const_pointer_cast<LoadRequests>(value_of(LoadRequests::create(std::move(options), views)));
}

template <typename T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

LoadPlan make_plan(double duration_s, double warmup_s, std::optional<std::uint64_t> max_requests,
                   std::size_t connections, std::size_t threads, std::size_t max_in_flight,
                   std::optional<std::size_t> concurrency, const std::optional<Array<std::int64_t>>& arrivals_ns,
                   const std::optional<Array<std::int32_t>>& bodies, double window_s, std::optional<double> timeout_s,
                   double drain_s) {
  LoadPlan plan;
  plan.duration = to_nanos(duration_s, "duration_s");
  plan.warmup = to_nanos(warmup_s, "warmup_s");
  plan.max_requests = max_requests;
  plan.connections = connections;
  plan.threads = threads;
  plan.max_in_flight = max_in_flight;
  plan.concurrency = concurrency;
  if (arrivals_ns) plan.arrivals.emplace(arrivals_ns->data(), arrivals_ns->data() + arrivals_ns->size());
  if (bodies) plan.bodies.assign(bodies->data(), bodies->data() + bodies->size());
  plan.window = to_nanos(window_s, "window_s");
  if (timeout_s) plan.timeout = to_nanos(*timeout_s, "timeout_s");
  plan.drain = to_nanos(drain_s, "drain_s");
  // All but the number of bodies is known here; that is looked at again with the requests.
  const std::size_t any_pool = std::numeric_limits<std::uint32_t>::max();
  const Status status = plan.check(any_pool);
  if (!status.ok()) throw py::value_error(status.message());
  return plan;
}

// pyserver._core.LoadRun.
struct RunHolder {
  RunHolder(const TargetHolder& target, const std::shared_ptr<LoadRequests>& requests, const LoadPlan& plan)
      : core(target.core), run(value_of(LoadRun::create(target.target, requests, plan))) {}
  RunHolder(const RunHolder&) = delete;
  RunHolder& operator=(const RunHolder&) = delete;
  ~RunHolder() {
    py::gil_scoped_release release;
    run.reset();
  }

  py::object core;
  std::unique_ptr<LoadRun> run;
};

void start(RunHolder& holder) {
  Status status;
  {
    py::gil_scoped_release release;
    status = holder.run->start();
  }
  if (status.code() == StatusCode::kFailedPrecondition) throw_unless_ok(status);
  if (!status.ok()) raise_connection_error(status);
}

bool wait(RunHolder& holder, double timeout_s) {
  const auto patience = std::chrono::nanoseconds(to_nanos(std::max(timeout_s, 0.0), "timeout_s"));
  py::gil_scoped_release release;
  return holder.run->wait(patience);
}

std::map<std::string, std::uint64_t> errors_of(const Window& window) {
  std::map<std::string, std::uint64_t> errors;
  for (const auto& [kind, count] : window.errors) errors[kind.name()] += count;
  return errors;
}

std::map<std::string, std::uint64_t> ledger_of(const Window& window) {
  if (window.ledger.count == 0) return {};
  const Ledger& us = window.ledger.us;
  return {{"receive_us", us.receive_us},
          {"decode_us", us.decode_us},
          {"queue_us", us.queue_us},
          {"batch_us", us.batch_us},
          {"preprocess_us", us.preprocess_us},
          {"execute_us", us.execute_us},
          {"postprocess_us", us.postprocess_us},
          {"encode_us", us.encode_us}};
}

std::map<std::string, std::string> examples_of(const LoadSummary& summary) {
  std::map<std::string, std::string> examples;
  for (const auto& [kind, sentence] : summary.errors.by_kind) examples[kind.name()] = sentence;
  return examples;
}

py::dict to_python(const std::map<std::string, std::string>& texts) {
  py::dict told;
  for (const auto& [name, text] : texts) told[py::str(name)] = replaced_utf8(text);
  return told;
}

}  // namespace

void bind_loadgen(py::module_& module) {
  py::class_<TargetHolder>(module, "LoadTarget")
      .def(py::init(&make_target), py::arg("address"), py::kw_only(), py::arg("protocol") = "grpc",
           py::arg("tls") = false, py::arg("ca_pem") = "", py::arg("certificate_pem") = "", py::arg("key_pem") = "",
           py::arg("server_name") = "", py::arg("verify") = true)
      .def_static("in_process", &make_in_process_target, py::arg("core"), py::arg("protocol"));

  py::class_<Expectation>(module, "LoadExpectation")
      .def(py::init(&make_expectation), py::arg("reader"), py::arg("outputs"), py::kw_only(), py::arg("absolute") = 0.0,
           py::arg("relative") = 0.0);

  py::class_<LoadRequests, std::shared_ptr<LoadRequests>>(module, "LoadRequests")
      .def(py::init(&make_requests), py::arg("path"), py::arg("bodies"), py::kw_only(),
           py::arg("headers") = std::vector<std::pair<std::string, std::string>>(), py::arg("streaming") = false,
           py::arg("id_offset") = py::none(), py::arg("id_reader") = "",
           py::arg("expectations") = std::vector<std::optional<Expectation>>(), py::arg("ledger") = false)
      .def("__len__", &LoadRequests::size);

  py::class_<LoadPlan>(module, "LoadPlan")
      .def(py::init(&make_plan), py::kw_only(), py::arg("duration_s") = 10.0, py::arg("warmup_s") = 1.0,
           py::arg("max_requests") = py::none(), py::arg("connections") = 1, py::arg("threads") = 1,
           py::arg("max_in_flight") = 100, py::arg("concurrency") = py::none(), py::arg("arrivals_ns") = py::none(),
           py::arg("bodies") = py::none(), py::arg("window_s") = 1.0, py::arg("timeout_s") = py::none(),
           py::arg("drain_s") = 10.0);

  py::class_<Window>(module, "LoadWindow")
      .def_readonly("start_ns", &Window::start)
      .def_property_readonly("length_ns", [](const Window& window) { return window.end - window.start; })
      .def_readonly("warmup", &Window::warmup)
      .def_readonly("sent", &Window::sent)
      .def_readonly("answered", &Window::answered)
      .def_readonly("failed", &Window::failed)
      .def_readonly("lost", &Window::lost)
      .def_property_readonly("errors", &errors_of)
      .def_readonly("request_bytes", &Window::request_bytes)
      .def_readonly("response_bytes", &Window::response_bytes)
      .def_property_readonly("latency", [](const Window& window) { return window.latency.buckets(); })
      .def_property_readonly("latency_sum_ns", [](const Window& window) { return window.latency.sum(); })
      .def_property_readonly("latency_max_ns", [](const Window& window) { return window.latency.max(); })
      .def_property_readonly("lag", [](const Window& window) { return window.lag.buckets(); })
      .def_property_readonly("lag_sum_ns", [](const Window& window) { return window.lag.sum(); })
      .def_property_readonly("lag_max_ns", [](const Window& window) { return window.lag.max(); })
      .def_property_readonly("ledger", &ledger_of)
      .def_property_readonly("ledger_count", [](const Window& window) { return window.ledger.count; })
      .def_property_readonly("ledger_batch_rows", [](const Window& window) { return window.ledger.batch_rows; });

  py::class_<LoadSummary>(module, "LoadSummary")
      .def_readonly("elapsed_ns", &LoadSummary::elapsed)
      .def_readonly("cpu_ns", &LoadSummary::cpu)
      .def_readonly("connections_opened", &LoadSummary::connections_opened)
      .def_readonly("reconnects", &LoadSummary::reconnects)
      .def_readonly("most_in_flight", &LoadSummary::most_in_flight)
      .def_property_readonly("last_error",
                             [](const LoadSummary& summary) { return replaced_utf8(summary.errors.last); })
      .def_property_readonly("errors_examples",
                             [](const LoadSummary& summary) { return to_python(examples_of(summary)); });

  py::class_<RunHolder>(module, "LoadRun")
      .def(py::init<const TargetHolder&, const std::shared_ptr<LoadRequests>&, const LoadPlan&>(), py::arg("target"),
           py::arg("requests"), py::arg("plan"))
      .def("start", &start)
      .def("wait", &wait, py::arg("timeout_s"))
      .def("stop", [](RunHolder& holder) { holder.run->stop(); })
      .def("windows", [](RunHolder& holder) { return holder.run->windows(); })
      .def("summary", [](RunHolder& holder) { return value_or_throw(holder.run->summary()); });
}

}  // namespace pyserver
