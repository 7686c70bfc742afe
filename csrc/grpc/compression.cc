#include "grpc/compression.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/text.h"

namespace pyserver {
namespace {

constexpr int kWindowBits = 15;
constexpr int kGzipFormat = 16;  // added to the window bits
constexpr int kMemoryLevel = 8;  // zlib's default
// What decompression begins with, and grows by.
constexpr std::size_t kSmallestOutput = 4096;
constexpr std::size_t kGrowth = 4;

int window_bits(Compression compression) noexcept {
  return compression == Compression::kGzip ? kWindowBits + kGzipFormat : kWindowBits;
}

// zlib counts in 32 bits.
uInt piece(std::size_t size) noexcept {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

Bytef* zlib_bytes(std::byte* bytes) noexcept { return reinterpret_cast<Bytef*>(bytes); }
// zlib does not write there, but its next_in is not const.
Bytef* zlib_bytes(const std::byte* bytes) noexcept { return zlib_bytes(const_cast<std::byte*>(bytes)); }

Result<Buffer> copy_of(std::span<const std::byte> bytes, BufferPool& pool) {
  if (bytes.empty()) return Buffer();
  Result<Buffer> copy = pool.take(bytes.size());
  if (copy.ok()) std::memcpy(copy->data(), bytes.data(), bytes.size());
  return copy;
}

Status no_memory() { return resource_exhausted("the machine has no memory for zlib"); }

// What zlib reads and writes: spans longer than its counters, piece by piece.
class Stream {
 public:
  explicit Stream(std::span<const std::byte> input) : input_(input) {}

  // Calls `step` (deflate or inflate) until it is done (Z_STREAM_END), `output` is full (Z_OK), or it fails. Adds what
  // was written to `written`.
  template <typename Step>
  int run(std::span<std::byte> output, std::size_t& written, Step step) {
    int code = Z_OK;
    do {
      const uInt in = piece(input_.size());
      const uInt out = piece(output.size());
      zlib.next_in = zlib_bytes(input_.data());
      zlib.avail_in = in;
      zlib.next_out = zlib_bytes(output.data());
      zlib.avail_out = out;
      code = step(&zlib, in == input_.size());
      input_ = input_.subspan(in - zlib.avail_in);
      output = output.subspan(out - zlib.avail_out);
      written += out - zlib.avail_out;
    } while (code == Z_OK && !output.empty());
    return code;
  }

  bool input_left() const noexcept { return !input_.empty(); }

  z_stream zlib{};

 private:
  std::span<const std::byte> input_;
};

struct InflateEnd {
  z_stream* zlib;
  ~InflateEnd() { inflateEnd(zlib); }
};
struct DeflateEnd {
  z_stream* zlib;
  ~DeflateEnd() { deflateEnd(zlib); }
};

Status malformed(Compression compression, const char* reason) {
  return internal_error(concat("the message is not valid ", name_of(compression), ": ", reason));
}

int inflate_step(z_stream* zlib, bool) { return inflate(zlib, Z_NO_FLUSH); }

// A larger buffer with the same beginning, and all of the room that the pool gives, up to `max_bytes`.
Status grow(Buffer& buffer, std::size_t size, std::size_t max_bytes, BufferPool& pool) {
  Result<Buffer> larger = pool.take(size);
  if (!larger.ok()) return std::move(larger).status();
  larger->truncate(std::min(larger->capacity(), max_bytes));
  if (buffer.size() != 0) std::memcpy(larger->data(), buffer.data(), buffer.size());
  buffer = *std::move(larger);
  return {};
}

// Whether the stream ends here, with nothing more coming out of it.
Status check_no_more(Stream& stream, Compression compression, std::size_t max_bytes) {
  std::byte one;
  std::size_t more = 0;
  const int code = stream.run({&one, 1}, more, inflate_step);
  if (more != 0) {
    return {StatusCode::kOutOfRange, concat("the message decompresses to more than ", max_bytes, " bytes")};
  }
  if (code == Z_STREAM_END) return {};
  return malformed(compression, code == Z_BUF_ERROR ? "it is cut short" : "its bytes make no sense");
}

Status inflate_all(Stream& stream, Compression compression, std::size_t max_bytes, std::size_t first, BufferPool& pool,
                   Buffer& output) {
  std::size_t size = 0;
  std::size_t room = std::min(max_bytes, first);
  while (true) {
    if (room > size) {
      PYSERVER_RETURN_IF_ERROR(grow(output, room, max_bytes, pool));
      room = output.size();
      const int code = stream.run(output.bytes().subspan(size), size, inflate_step);
      output.truncate(size);
      if (code == Z_STREAM_END) return {};
      if (code == Z_MEM_ERROR) return no_memory();
      if (code == Z_BUF_ERROR) return malformed(compression, "it is cut short");
      if (code != Z_OK) return malformed(compression, "its bytes make no sense");
    }
    if (room == max_bytes) return check_no_more(stream, compression, max_bytes);
    room = room > max_bytes / kGrowth ? max_bytes : room * kGrowth;
  }
}

}  // namespace

std::string_view name_of(Compression compression) noexcept {
  switch (compression) {
    case Compression::kIdentity: return "identity";
    case Compression::kDeflate: return "deflate";
    case Compression::kGzip: return "gzip";
  }
  return "identity";
}

std::optional<Compression> compression_named(std::string_view name) noexcept {
  for (const Compression compression : {Compression::kIdentity, Compression::kDeflate, Compression::kGzip}) {
    if (name == name_of(compression)) return compression;
  }
  return std::nullopt;
}

bool accepts(std::string_view accepted, Compression compression) noexcept {
  if (compression == Compression::kIdentity) return true;
  while (!accepted.empty()) {
    const std::size_t comma = std::min(accepted.find(','), accepted.size());
    std::string_view name = accepted.substr(0, comma);
    while (name.starts_with(' ') || name.starts_with('\t')) name.remove_prefix(1);
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    if (name == name_of(compression)) return true;
    accepted.remove_prefix(std::min(comma + 1, accepted.size()));
  }
  return false;
}

Result<Buffer> compress(Compression compression, std::span<const std::byte> bytes, BufferPool& pool) {
  if (compression == Compression::kIdentity) return copy_of(bytes, pool);
  Stream stream(bytes);
  if (deflateInit2(&stream.zlib, Z_BEST_SPEED, Z_DEFLATED, window_bits(compression), kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return no_memory();
  }
  const DeflateEnd end{&stream.zlib};
  Result<Buffer> output = pool.take(deflateBound(&stream.zlib, bytes.size()));
  if (!output.ok()) return output;
  std::size_t size = 0;
  const int code = stream.run(output->bytes(), size,
                              [](z_stream* zlib, bool last) { return deflate(zlib, last ? Z_FINISH : Z_NO_FLUSH); });
  if (code != Z_STREAM_END) return internal_error("zlib wanted more room than it had asked for");
  output->truncate(size);
  return output;
}

Result<Buffer> decompress(Compression compression, std::span<const std::byte> bytes, std::size_t max_bytes,
                          BufferPool& pool) {
  if (compression == Compression::kIdentity) {
    if (bytes.size() <= max_bytes) return copy_of(bytes, pool);
    return Status(StatusCode::kOutOfRange, concat("the message has more than ", max_bytes, " bytes"));
  }
  Stream stream(bytes);
  if (inflateInit2(&stream.zlib, window_bits(compression)) != Z_OK) return no_memory();
  const InflateEnd end{&stream.zlib};
  const std::size_t first = std::max(kSmallestOutput, std::min(bytes.size(), max_bytes) * kGrowth);
  Buffer output;
  PYSERVER_RETURN_IF_ERROR(inflate_all(stream, compression, max_bytes, first, pool, output));
  if (stream.input_left()) return malformed(compression, "bytes follow its end");
  return output;
}

}  // namespace pyserver
