#include <pybind11/native_enum.h>

#include "python/bindings.h"
#include "python/core.h"
#include "transport/native_server.h"

namespace py = pybind11;

namespace pyserver {
namespace {

// pyserver._core.NativeServer. Calls that were handed out keep it, and it keeps the core.
struct ServerHolder {
  ServerHolder(const py::object& owner, const NativeServerOptions& options)
      : core_object(owner), core(core_object.cast<Core&>()) {
    py::gil_scoped_release release;
    server = std::make_unique<NativeServer>(core.service, core.models, core.state, core.pool, core.clock, options);
  }
  ServerHolder(const ServerHolder&) = delete;
  ServerHolder& operator=(const ServerHolder&) = delete;
  ~ServerHolder() {
    py::gil_scoped_release release;
    server.reset();
  }

  py::object core_object;
  Core& core;
  std::unique_ptr<NativeServer> server;
};

// pyserver._core.HandedCall.
struct CallHolder {
  std::shared_ptr<HandedCall> call;
  std::shared_ptr<ServerHolder> server;
};

// pyserver._core.HandedEvent.
struct Event {
  HandedEvent::Kind kind;
  std::uintptr_t key;
  py::object call;
  py::object message;
  int code;
  py::object reason;
};

bool is_binary(const std::string& key) { return key.ends_with("-bin"); }

py::tuple to_python(const Metadata& metadata) {
  py::tuple entries(metadata.size());
  for (std::size_t i = 0; i < metadata.size(); ++i) {
    const auto& [key, value] = metadata[i];
    const py::object told = is_binary(key) ? py::object(py::bytes(value)) : py::object(replaced_utf8(value));
    entries[i] = py::make_tuple(replaced_utf8(key), told);
  }
  return entries;
}

// Takes pairs of a text and a text or bytes.
Metadata to_metadata(const py::iterable& entries) {
  Metadata metadata;
  for (const py::handle entry : entries) {
    auto [key, value] = entry.cast<std::pair<std::string, std::string>>();
    metadata.push_back({std::move(key), std::move(value)});
  }
  throw_unless_ok(check_metadata(metadata));
  return metadata;
}

// The bytes as Python has them; the buffer goes back to its pool.
py::bytes take_bytes(ReceivedMessage& message) {
  const Buffer buffer = std::move(message.bytes);
  if (buffer.size() == 0) return {};
  py::bytes bytes = new_bytes(buffer.size());
  std::memcpy(PyBytes_AS_STRING(bytes.ptr()), buffer.data(), buffer.size());
  return bytes;
}

py::list take_events(const std::shared_ptr<ServerHolder>& holder) {
  py::list events;
  for (HandedEvent& event : holder->server->handed_calls().take()) {
    const bool is_new = event.kind == HandedEvent::Kind::kCall;
    const bool has_message = event.kind == HandedEvent::Kind::kMessage;
    const auto key = reinterpret_cast<std::uintptr_t>(event.call.get());
    events.append(Event{event.kind, key, is_new ? py::cast(CallHolder{event.call, holder}) : py::none(),
                        has_message ? py::cast(std::move(event.message)) : py::none(),
                        static_cast<int>(event.reason.code()), replaced_utf8(event.reason.message())});
  }
  return events;
}

void send_message(const CallHolder& holder, const py::bytes& message, bool compress) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(message.ptr(), &data, &size) != 0) throw py::error_already_set();
  py::gil_scoped_release release;
  Buffer buffer;
  if (size > 0) {
    buffer = value_or_throw(holder.server->core.pool->take(static_cast<std::size_t>(size)));
    buffer.truncate(static_cast<std::size_t>(size));
    std::memcpy(buffer.data(), data, static_cast<std::size_t>(size));
  }
  holder.call->send_message(std::move(buffer), compress);
}

void finish(const CallHolder& holder, int code, std::string message, const py::iterable& trailing,
            std::string details) {
  if (code < 0 || code >= kStatusCodeCount) throw py::value_error("not a status code");
  Metadata metadata = to_metadata(trailing);
  Status status = code == 0 ? Status() : Status(static_cast<StatusCode>(code), std::move(message));
  holder.call->finish(std::move(status), std::move(metadata), std::move(details));
}

// As time.monotonic() counts.
py::object to_seconds(TimePoint time) {
  if (time == kNever) return py::none();
  return py::float_(std::chrono::duration<double>(time.time_since_epoch()).count());
}

using OptionsType = py::class_<NativeServerOptions>;

template <typename Group, typename T>
void bind_number(OptionsType& type, const char* name, Group NativeServerOptions::* group, T Group::* field) {
  type.def_property(
      name, [group, field](const NativeServerOptions& options) { return options.*group.*field; },
      [group, field](NativeServerOptions& options, T value) { options.*group.*field = value; });
}

double seconds_of(std::chrono::milliseconds duration) { return std::chrono::duration<double>(duration).count(); }

// What is not nothing stays so: zero switches a time-out off.
std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

void bind_seconds(OptionsType& type, const char* name, std::chrono::milliseconds Http2Limits::* field) {
  type.def_property(
      name, [field](const NativeServerOptions& options) { return seconds_of(options.http2.*field); },
      [field](NativeServerOptions& options, double seconds) { options.http2.*field = milliseconds_of(seconds); });
}

void bind_options(py::module_& module) {
  OptionsType type(module, "NativeServerOptions");
  type.def(py::init<>())
      .def_readwrite("io_threads", &NativeServerOptions::io_threads)
      .def_readwrite("max_connections", &NativeServerOptions::max_connections)
      .def_property(
          "tls_handshake_timeout_s",
          [](const NativeServerOptions& options) { return seconds_of(options.tls_handshake_timeout); },
          [](NativeServerOptions& options, double seconds) {
            options.tls_handshake_timeout = milliseconds_of(seconds);
          });
  const auto http2 = &NativeServerOptions::http2;
  bind_number(type, "http2_max_concurrent_streams", http2, &Http2Limits::max_concurrent_streams);
  bind_number(type, "http2_max_header_list_bytes", http2, &Http2Limits::max_header_list_bytes);
  bind_number(type, "http2_max_header_fields", http2, &Http2Limits::max_header_fields);
  bind_number(type, "http2_initial_window_bytes", http2, &Http2Limits::initial_window_bytes);
  bind_number(type, "http2_max_window_bytes", http2, &Http2Limits::max_window_bytes);
  bind_number(type, "http2_max_frame_bytes", http2, &Http2Limits::max_frame_bytes);
  bind_number(type, "http2_max_resets_per_second", http2, &Http2Limits::max_resets_per_second);
  bind_number(type, "http2_max_forced_resets_per_second", http2, &Http2Limits::max_forced_resets_per_second);
  bind_number(type, "http2_max_control_frames_per_second", http2, &Http2Limits::max_control_frames_per_second);
  bind_number(type, "http2_max_queued_control_frames", http2, &Http2Limits::max_queued_control_frames);
  bind_number(type, "http2_max_window_updates_per_data", http2, &Http2Limits::max_window_updates_per_data);
  bind_number(type, "http2_max_empty_data_frames", http2, &Http2Limits::max_empty_data_frames);
  bind_seconds(type, "http2_preface_timeout_s", &Http2Limits::preface_timeout);
  bind_seconds(type, "http2_headers_timeout_s", &Http2Limits::headers_timeout);
  bind_seconds(type, "http2_body_timeout_s", &Http2Limits::body_timeout);
  bind_seconds(type, "http2_write_timeout_s", &Http2Limits::write_timeout);
  bind_seconds(type, "http2_idle_timeout_s", &Http2Limits::idle_timeout);
  bind_seconds(type, "http2_keepalive_interval_s", &Http2Limits::keepalive_interval);
  bind_seconds(type, "http2_keepalive_timeout_s", &Http2Limits::keepalive_timeout);
  bind_seconds(type, "http2_max_connection_age_s", &Http2Limits::max_connection_age);
  bind_seconds(type, "http2_max_connection_age_grace_s", &Http2Limits::max_connection_age_grace);
  const auto grpc = &NativeServerOptions::grpc;
  bind_number(type, "max_receive_message_bytes", grpc, &GrpcLimits::max_receive_message_bytes);
  bind_number(type, "max_send_message_bytes", grpc, &GrpcLimits::max_send_message_bytes);
}

py::dict counters(const ServerHolder& holder) {
  py::dict told;
  const auto tell = [&told](const char* name, const Counter& counter) { told[name] = counter.value(); };
  const NativeServerCounters& all = holder.server->counters();
  tell("connections_opened", all.http2.connections_opened);
  tell("connections_closed", all.http2.connections_closed);
  tell("connections_refused", all.connections_refused);
  tell("tls_handshakes_failed", all.tls_handshakes_failed);
  tell("tls_handshake_timeouts", all.tls_handshake_timeouts);
  tell("streams_opened", all.http2.streams_opened);
  tell("streams_closed", all.http2.streams_closed);
  tell("streams_refused", all.http2.streams_refused);
  tell("headers_too_large", all.http2.headers_too_large);
  tell("protocol_errors", all.http2.protocol_errors);
  tell("floods", all.http2.floods);
  tell("preface_timeouts", all.http2.preface_timeouts);
  tell("headers_timeouts", all.http2.headers_timeouts);
  tell("body_timeouts", all.http2.body_timeouts);
  tell("write_timeouts", all.http2.write_timeouts);
  tell("idle_timeouts", all.http2.idle_timeouts);
  tell("keepalive_timeouts", all.http2.keepalive_timeouts);
  tell("aged_connections", all.http2.aged_connections);
  tell("received_bytes", all.http2.received_bytes);
  tell("sent_bytes", all.http2.sent_bytes);
  tell("calls_started", all.grpc.calls_started);
  tell("calls_finished", all.grpc.calls_finished);
  tell("calls_cancelled", all.grpc.calls_cancelled);
  tell("messages_received", all.grpc.messages_received);
  tell("messages_sent", all.grpc.messages_sent);
  tell("refused_http_requests", all.grpc.refused_http_requests);
  tell("malformed_calls", all.grpc.malformed_calls);
  tell("messages_too_large", all.grpc.messages_too_large);
  tell("out_of_memory", all.grpc.out_of_memory);
  told["requests_not_logged"] = holder.server->request_log().dropped();
  return told;
}

void bind_calls(py::module_& module) {
  py::native_enum<HandedEvent::Kind>(module, "HandedEventKind", "enum.Enum")
      .value("CALL", HandedEvent::Kind::kCall)
      .value("MESSAGE", HandedEvent::Kind::kMessage)
      .value("HALF_CLOSE", HandedEvent::Kind::kHalfClose)
      .value("WRITABLE", HandedEvent::Kind::kWritable)
      .value("DRAIN", HandedEvent::Kind::kDrain)
      .value("CANCELLED", HandedEvent::Kind::kCancelled)
      .value("FINISHED", HandedEvent::Kind::kFinished)
      .finalize();
  py::native_enum<Compression>(module, "Compression", "enum.Enum")
      .value("IDENTITY", Compression::kIdentity)
      .value("DEFLATE", Compression::kDeflate)
      .value("GZIP", Compression::kGzip)
      .finalize();

  py::class_<ReceivedMessage>(module, "ReceivedMessage")
      .def("__len__", [](const ReceivedMessage& message) { return message.bytes.size(); })
      .def_readonly("was_compressed", &ReceivedMessage::was_compressed)
      .def("take", &take_bytes);

  py::class_<Event>(module, "HandedEvent")
      .def_readonly("kind", &Event::kind)
      .def_readonly("key", &Event::key)
      .def_readonly("call", &Event::call)
      .def_readonly("message", &Event::message)
      .def_readonly("code", &Event::code)
      .def_readonly("reason", &Event::reason);

  py::class_<PeerIdentity>(module, "PeerIdentity")
      .def_readonly("tls", &PeerIdentity::tls)
      .def_readonly("protocol", &PeerIdentity::protocol)
      .def_property_readonly("certificate_pem",
                             [](const PeerIdentity& identity) { return py::bytes(identity.certificate_pem); })
      .def_property_readonly("common_name",
                             [](const PeerIdentity& identity) { return py::bytes(identity.common_name); })
      .def_property_readonly("alternative_names", [](const PeerIdentity& identity) {
        py::list names;
        for (const std::string& name : identity.alternative_names) names.append(py::bytes(name));
        return names;
      });

  py::class_<CallHolder>(module, "HandedCall")
      .def_property_readonly("path", [](const CallHolder& holder) { return replaced_utf8(holder.call->path()); })
      .def_property_readonly("peer", [](const CallHolder& holder) { return replaced_utf8(holder.call->peer()); })
      .def_property_readonly("deadline", [](const CallHolder& holder) { return to_seconds(holder.call->deadline()); })
      .def_property_readonly("identity", [](const CallHolder& holder) { return PeerIdentity(holder.call->identity()); })
      .def_property_readonly("backlog", [](const CallHolder& holder) { return holder.call->backlog(); })
      .def("metadata", [](const CallHolder& holder) { return to_python(holder.call->metadata()); })
      .def(
          "send_initial_metadata",
          [](const CallHolder& holder, const py::iterable& metadata) {
            holder.call->send_initial_metadata(to_metadata(metadata));
          },
          py::arg("metadata"))
      .def(
          "set_compression",
          [](const CallHolder& holder, Compression compression) { holder.call->set_compression(compression); },
          py::arg("compression"))
      .def("send_message", &send_message, py::arg("message"), py::arg("compress") = true)
      .def("finish", &finish, py::arg("code"), py::arg("message"), py::arg("trailing"), py::arg("details"))
      .def("taken", [](const CallHolder& holder, std::size_t bytes) { holder.call->taken(bytes); }, py::arg("bytes"));

  // Raises StatusError for what send_initial_metadata() and finish() would not take.
  module.def("check_metadata", [](const py::iterable& metadata) { to_metadata(metadata); }, py::arg("metadata"));
}

py::list take_finished_requests(const ServerHolder& holder) {
  py::list entries;
  for (RequestLog::Entry& entry : holder.server->request_log().take()) entries.append(std::move(entry));
  return entries;
}

void bind_request_log(py::module_& module) {
  py::native_enum<RequestLog::Level>(module, "RequestLogLevel", "enum.Enum")
      .value("NONE", RequestLog::Level::kNone)
      .value("FAILURES", RequestLog::Level::kFailures)
      .value("ALL", RequestLog::Level::kAll)
      .finalize();
  using Entry = RequestLog::Entry;
  py::class_<Entry>(module, "FinishedRequest")
      .def_property_readonly("code", [](const Entry& entry) { return static_cast<int>(entry.code); })
      .def_property_readonly("message", [](const Entry& entry) { return replaced_utf8(entry.message); })
      .def_property_readonly("request_id", [](const Entry& entry) { return replaced_utf8(entry.request_id); })
      .def_property_readonly("model", [](const Entry& entry) { return replaced_utf8(entry.model); });
}

void bind_tls(py::module_& module) {
  py::class_<TlsCertificates>(module, "TlsCertificates")
      .def(py::init([](std::string certificate_chain, std::string private_key, std::string client_authorities,
                       bool require_client_certificate) {
             return TlsCertificates{std::move(certificate_chain), std::move(private_key), std::move(client_authorities),
                                    require_client_certificate};
           }),
           py::kw_only(), py::arg("certificate_chain"), py::arg("private_key"), py::arg("client_authorities"),
           py::arg("require_client_certificate"));
  py::class_<TlsContext, std::shared_ptr<TlsContext>>(module, "TlsContext")
      .def(py::init(
               [](const TlsCertificates& certificates) { return value_or_throw(TlsContext::create(certificates)); }),
           py::arg("certificates"))
      .def(
          "replace",
          [](TlsContext& context, const TlsCertificates& certificates) {
            throw_unless_ok(context.replace(certificates));
          },
          py::arg("certificates"), py::call_guard<py::gil_scoped_release>());
}

}  // namespace

void bind_transport(py::module_& module) {
  bind_options(module);
  bind_calls(module);
  bind_request_log(module);
  bind_tls(module);

  py::native_enum<StateQuestion>(module, "StateQuestion", "enum.Enum")
      .value("SERVER_LIVE", StateQuestion::kServerLive)
      .value("SERVER_READY", StateQuestion::kServerReady)
      .value("MODEL_READY", StateQuestion::kModelReady)
      .finalize();

  using Released = py::call_guard<py::gil_scoped_release>;
  py::class_<ServerHolder, std::shared_ptr<ServerHolder>>(module, "NativeServer")
      .def(py::init<const py::object&, const NativeServerOptions&>(), py::arg("core"), py::arg("options"))
      .def(
          "add_infer_method",
          [](ServerHolder& holder, const std::string& path, Protocol protocol) {
            holder.server->add_infer_method(path, protocol);
          },
          py::arg("path"), py::arg("protocol"))
      .def(
          "add_state_method",
          [](ServerHolder& holder, const std::string& path, StateQuestion question) {
            holder.server->add_state_method(path, question);
          },
          py::arg("path"), py::arg("question"))
      .def(
          "add_handed_path",
          [](ServerHolder& holder, const std::string& path) { holder.server->add_handed_path(path); }, py::arg("path"))
      .def(
          "add_port",
          [](ServerHolder& holder, const std::string& address, std::shared_ptr<TlsContext> tls) {
            return value_or_throw(holder.server->add_port(address, std::move(tls)));
          },
          py::arg("address"), py::arg("tls").none(true), Released())
      .def(
          "start", [](ServerHolder& holder) { throw_unless_ok(holder.server->start()); }, Released())
      .def(
          "drain", [](ServerHolder& holder) { holder.server->drain(); }, Released())
      .def(
          "wait_until_idle",
          [](ServerHolder& holder, double patience_s) {
            return holder.server->wait_until_idle(milliseconds_of(patience_s));
          },
          py::arg("patience_s"), Released())
      .def(
          "stop", [](ServerHolder& holder) { holder.server->stop(); }, Released())
      .def("fileno", [](const ServerHolder& holder) { return holder.server->handed_calls().fd(); })
      .def("take", &take_events)
      .def(
          "set_request_log_level",
          [](ServerHolder& holder, RequestLog::Level level) { holder.server->request_log().set_level(level); },
          py::arg("level"))
      .def("request_log_fileno", [](const ServerHolder& holder) { return holder.server->request_log().fd(); })
      .def("take_finished_requests", &take_finished_requests)
      .def("counters", &counters)
      .def_property_readonly("connections", [](const ServerHolder& holder) { return holder.server->connections(); });
}

}  // namespace pyserver
