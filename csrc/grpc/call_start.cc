// begin_exchange() of server_call.h: the checks that a request passes before somebody answers it.
#include <utility>

#include "base/text.h"
#include "grpc/http_answers.h"
#include "grpc/server_call.h"
#include "grpc/timeout.h"

namespace pyserver {
namespace {

// The fields that decide, found in one pass. Of a field that comes twice, the first counts.
struct RequestFields {
  std::string_view method, scheme, path, content_type, timeout, encoding;
  HeaderField bad_binary;  // the first that is not base64

  explicit RequestFields(const HeaderList& headers) {
    for (std::size_t index = 0; index < headers.size(); ++index) {
      const HeaderField field = headers[index];
      if (std::string_view* own = place_of(field.name)) {
        if (own->data() == nullptr) *own = field.value;
      } else if (is_binary_key(field.name) && bad_binary.name.empty() && !is_base64_list(field.value)) {
        bad_binary = field;
      }
    }
  }

 private:
  std::string_view* place_of(std::string_view name) noexcept {
    if (name == ":path") return &path;
    if (name == ":method") return &method;
    if (name == ":scheme") return &scheme;
    if (name == "content-type") return &content_type;
    if (name == "grpc-timeout") return &timeout;
    if (name == "grpc-encoding") return &encoding;
    return nullptr;
  }
};

bool is_present(std::string_view field) noexcept { return field.data() != nullptr; }

// As gRPC core has it: "application/grpc", then nothing, a format ("+proto") or a parameter (";charset=utf-8").
bool is_grpc(std::string_view content_type) noexcept {
  constexpr std::string_view kType = "application/grpc";
  if (!content_type.starts_with(kType)) return false;
  content_type.remove_prefix(kType.size());
  return content_type.empty() || content_type.front() == '+' || content_type.front() == ';';
}

bool is_method_path(std::string_view path) noexcept {
  const std::size_t last = path.rfind('/');
  return path.starts_with('/') && last != 0 && last + 1 < path.size();
}

TimePoint later(TimePoint from, Duration by) noexcept { return by >= kNever - from ? kNever : from + by; }

// What is wrong with a gRPC request; fills `head` from the fields.
struct Objection {
  Status status;
  Metadata trailing;
  bool malformed = true;
};

Objection read_head(const RequestFields& fields, CallHead& head) {
  if (fields.scheme != "http" && fields.scheme != "https") {
    return {internal_error(concat(":scheme is ", quoted(fields.scheme), ", expected 'http' or 'https'")), {}};
  }
  if (is_present(fields.timeout)) {
    const std::optional<Duration> timeout = parse_timeout(fields.timeout);
    if (!timeout) {
      return {internal_error(concat("grpc-timeout ", quoted(fields.timeout),
                                    " is malformed: expected up to eight digits and one of H, M, S, m, u, n")),
              {}};
    }
    head.deadline = later(head.received, *timeout);
  }
  if (!fields.bad_binary.name.empty()) {
    return {internal_error(concat("metadata ", quoted(fields.bad_binary.name), ": its value ",
                                  quoted(fields.bad_binary.value), " is not base64")),
            {}};
  }
  if (is_present(fields.encoding)) {
    const std::optional<Compression> encoding = compression_named(fields.encoding);
    if (!encoding) {
      return {unimplemented(concat("grpc-encoding ", quoted(fields.encoding), " is unknown: expected one of ",
                                   kAcceptedEncodings)),
              {{"grpc-accept-encoding", std::string(kAcceptedEncodings)}}};
    }
    head.request_encoding = *encoding;
  }
  if (fields.path.size() > kMaxPathBytes) {
    return {
        resource_exhausted(concat("path of ", fields.path.size(), " bytes, longer than the limit of ", kMaxPathBytes)),
        {}};
  }
  if (!is_method_path(fields.path)) {
    return {unimplemented(concat("path ", quoted(fields.path), " is not of the form /service/method")), {}};
  }
  head.path = fields.path;
  if (head.deadline <= head.received)
    return {deadline_exceeded("the deadline passed before the call began"), {}, false};
  return {};
}

}  // namespace

std::unique_ptr<Http2Exchange> begin_exchange(CallContext& context, StreamId stream, HeaderList& headers) {
  const RequestFields fields(headers);
  const auto refuse = [&](HttpRefusal refusal) {
    context.counters.refused_http_requests.add();
    return std::make_unique<HttpAnswer>(context.session, stream, refusal, fields.method != "HEAD", context.pool);
  };
  if (fields.method != "POST") return refuse(HttpRefusal::kMethodNotAllowed);
  if (!is_grpc(fields.content_type)) {
    return refuse(context.router.knows(fields.path) ? HttpRefusal::kUnsupportedMediaType : HttpRefusal::kNotFound);
  }
  CallHead head;
  head.received = context.clock.now();
  const Objection objection = read_head(fields, head);
  // The fields are not looked at any more.
  head.headers = std::move(headers);
  auto call = std::make_unique<ServerCall>(context, stream, std::move(head));
  if (objection.status.ok()) {
    call->begin();
  } else {
    if (objection.malformed) context.counters.malformed_calls.add();
    call->finish(objection.status, objection.trailing);
  }
  return call;
}

}  // namespace pyserver
