// Http2Session::State: the session behind its interface. session.cc has the interface, session_callbacks.cc what
// nghttp2 tells, session_input.cc the way of bytes in and what they may not be, session_timeouts.cc the time.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "http2/flood_guard.h"
#include "http2/flow_controller.h"
#include "http2/frame_scanner.h"
#include "http2/session.h"
#include "http2/session_stream.h"

namespace pyserver {

// Streams that the peer has ended, reset or passed over, the last few: nghttp2 forgets closed streams and would ignore
// frames on them, where RFC 9113, 5.1 wants an error. Frames on streams that *we* have reset may still be underway: not
// here.
class ClosedStreams {
 public:
  enum class How : std::uint8_t { kUnknown, kEnded, kReset, kPassedOver };
  void add(StreamId stream, How how) noexcept { places_[place(stream)] = {stream, how}; }
  // The peer opened `opened` after `last`: those between can never be used (RFC 9113, 5.1.1).
  void pass_over(StreamId last, StreamId opened) noexcept {
    const auto kept = static_cast<StreamId>(2 * kPlaces);
    for (StreamId stream = std::max(last + 1, opened - kept); stream < opened; ++stream) {
      if (stream % 2 == 1) add(stream, How::kPassedOver);
    }
  }
  How how(StreamId stream) const noexcept {
    const Entry& entry = places_[place(stream)];
    return entry.stream == stream ? entry.how : How::kUnknown;
  }

 private:
  struct Entry {
    StreamId stream = 0;
    How how = How::kUnknown;
  };
  static std::size_t place(StreamId stream) noexcept { return static_cast<std::size_t>(stream >> 1) % kPlaces; }
  static constexpr std::size_t kPlaces = 64;
  std::array<Entry, kPlaces> places_{};
};

// The opaque data of our PINGs tells what they are for.
enum class PingKind : std::uint8_t { kKeepalive = 'k', kBandwidth = 'b', kDrain = 'd' };

struct Http2Session::State {
  static constexpr std::size_t kLongBody = 16 * 1024;  // more than one frame

  State(Http2Connection& connection, const Http2Limits& limits, Http2Counters& counters,
        const BufferPool& request_memory, Clock& clock);
  ~State();

  // --- session_input.cc
  void receive(std::span<const std::byte> bytes);
  void receive_end();
  // Both: false where the session has to end; it is then on its way to.
  bool frame_began();
  bool frame_completed();
  bool check_closed_stream();
  bool feed(std::span<const std::byte> bytes);
  bool check_queued_frames();
  bool memory_is_short() const;
  void grow_window(std::size_t received);
  void set_window(std::uint32_t bytes);

  // --- ending
  // A flood: GOAWAY ENHANCE_YOUR_CALM. Always false.
  bool calm_down();
  // A broken rule of the protocol that nghttp2 does not look after. Always false.
  bool protocol_error(Http2Error error);
  void terminate(Http2Error error);
  // Nothing more is read or written: the socket does not take it, or nghttp2 cannot go on.
  void give_up();
  bool ended() const noexcept;
  void drain();
  void send_final_goaway();

  // --- streams
  SessionStream* find(StreamId stream) const noexcept;  // nullptr where it is gone or going
  void submit_headers(SessionStream& stream, std::span<const HeaderField> fields, bool end_stream);
  void submit_trailers(SessionStream& stream);
  void resume(SessionStream& stream);
  // nghttp2 would otherwise send one long body to its end before it sends the next.
  void take_turns(SessionStream& stream);
  void reset(SessionStream& stream, Http2Error error);
  void answer_headers_too_large(SessionStream& stream);
  // on_closed(), once.
  void close_exchange(SessionStream& stream, Http2Error error, bool by_peer);
  void close_all_exchanges(Http2Error error, bool by_peer);
  void forget(SessionStream& stream) noexcept;
  void submit_ping(PingKind kind);

  // --- session_callbacks.cc
  static nghttp2_session* make_session(State& state);
  int on_begin_headers(const nghttp2_frame& frame);
  int on_header(const nghttp2_frame& frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value);
  int on_data_chunk(StreamId id, std::span<const std::byte> bytes);
  int on_frame_received(const nghttp2_frame& frame);
  void on_request(SessionStream& stream, bool ended);
  void on_ping_ack(const nghttp2_ping& ping);
  void on_frame_sent(const nghttp2_frame& frame);
  void on_goaway_sent(std::uint32_t error);
  void on_answer_sent(SessionStream& stream);
  void on_invalid_frame(const nghttp2_frame& frame, int reason);
  void on_stream_close(StreamId id, std::uint32_t error);
  ssize_t next_body_frame(SessionStream& stream, std::size_t room, std::uint32_t& flags);
  int send_body_frame(SessionStream& stream, std::span<const std::byte> frame_head, std::size_t size);

  // --- session_timeouts.cc
  TimePoint next_deadline() const noexcept;
  void tick(TimePoint now);
  void tick_connection(TimePoint now);
  void tick_streams(TimePoint now);
  TimePoint age_deadline() const noexcept;
  TimePoint idle_deadline() const noexcept;
  TimePoint keepalive_deadline() const noexcept;
  // How many milliseconds from `since`; kNever where the time-out is off or nothing is waited for.
  static TimePoint after(TimePoint since, std::chrono::milliseconds timeout) noexcept;

  Http2Connection& connection;
  const Http2Limits& limits;
  Http2Counters& counters;
  const BufferPool& request_memory;
  Clock& clock;

  TimePoint now;  // of the call that is underway
  FloodGuard floods;
  FlowController flow;
  FrameScanner scanner;
  ClosedStreams closed_streams;
  StreamPool pool;
  StreamList all{&SessionStream::all};
  StreamList receiving{&SessionStream::receiving};
  StreamList sending{&SessionStream::sending};

  nghttp2_session* session = nullptr;
  OutputQueue* out = nullptr;  // of the produce() that is underway
  std::size_t enough = 0;
  std::vector<nghttp2_nv> nv;         // reused
  std::size_t own_frames_queued = 0;  // HEADERS that answers made and that nghttp2 has not sent
  StreamId last_stream = 0;           // that the peer opened
  std::uint32_t window = 0;           // as the peer was told
  bool input_ended = false;           // nothing that comes is of interest
  bool peer_gone = false;
  bool terminating = false;  // a last GOAWAY is queued
  bool dead = false;
  bool flooded = false;

  // Times; kNever: not underway.
  TimePoint opened;
  bool settings_received = false;
  TimePoint header_block_since = kNever;
  TimePoint received_at;
  TimePoint keepalive_since = kNever;  // our PING that is not answered
  TimePoint stalled_since = kNever;    // the owner's queue holds bytes that the socket does not take
  TimePoint idle_since;                // kNever while there are streams
  TimePoint age_limit = kNever;
  TimePoint grace_until = kNever;  // after the age limit
  TimePoint drain_since = kNever;  // the first GOAWAY
  bool draining = false;
  bool final_goaway = false;
  TimePoint memory_checked;
};

}  // namespace pyserver
