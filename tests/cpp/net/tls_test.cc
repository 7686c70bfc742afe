#include "net/tls.h"

#include <gtest/gtest.h>

#include <thread>

#include "net/loop_fixtures.h"
#include "net/stream_fixtures.h"
#include "net/tls_fixtures.h"

namespace pyserver {
namespace {

using test::Certificate;
using test::ClientOptions;
using test::noise;
using test::pieces_of;
using test::read_available;
using test::TlsClient;

constexpr const char* kNoProtocol = "tlsv1 alert no application protocol";

class TlsTest : public testing::Test {
 protected:
  TlsCertificates server_certificates() const { return {server.pem(), server.key_pem(), "", false}; }
  TlsCertificates mutual(bool require) const { return {server.pem(), server.key_pem(), authority.pem(), require}; }
  static std::shared_ptr<TlsContext> context_of(const TlsCertificates& certificates) {
    auto context = TlsContext::create(certificates);
    EXPECT_TRUE(context.ok()) << context.status().message();
    return std::move(*context);
  }

  // Connects the two ends by a pair of sockets.
  void connect(TlsContext& context, const ClientOptions& options = {}, bool small_buffers = false) {
    auto [ours, theirs] = test::socket_pair();
    if (small_buffers) test::with_small_buffers(ours, theirs);
    stream = context.accept(std::move(ours), "unix:");
    client = std::make_unique<TlsClient>(std::move(theirs), options);
  }
  // Whether both ends have shaken hands. TLS 1.3's client may believe so before the server has agreed.
  bool shake_hands() {
    IoOutcome outcome = IoOutcome::kWantsRead;
    for (int i = 0; i < 1'000; ++i) {
      const bool client_done = client->handshake();
      outcome = stream->handshake().outcome;
      EXPECT_EQ(ERR_peek_error(), 0u);
      if (client_done && outcome == IoOutcome::kDone) return true;
      if (outcome == IoOutcome::kFailed) break;
    }
    EXPECT_EQ(outcome, IoOutcome::kFailed);
    client->handshake();
    std::string nothing;
    if (client->failure().empty()) client->read(nothing);  // the alert
    return false;
  }
  void write_all(std::span<const iovec> pieces) {
    std::size_t size = 0;
    for (const iovec& piece : pieces) size += piece.iov_len;
    const IoResult result = stream->write(pieces);
    EXPECT_EQ(result.outcome, IoOutcome::kDone);
    EXPECT_EQ(result.bytes, size);
  }
  std::string client_reads() {
    std::string got;
    client->read(got);
    return got;
  }
  std::string server_name_seen() const {
    const X509Ptr certificate(SSL_get1_peer_certificate(client->ssl()));
    char name[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
    return name;
  }

  Certificate authority{"authority"};
  Certificate server{"server", &authority};
  std::unique_ptr<ByteStream> stream;
  std::unique_ptr<TlsClient> client;
};

TEST_F(TlsTest, MovesBytesBothWaysAndTellsWhatWasAgreed) {
  const auto context = context_of(server_certificates());
  connect(*context);
  ASSERT_TRUE(shake_hands());
  EXPECT_TRUE(stream->identity().tls);
  EXPECT_EQ(stream->identity().protocol, "TLSv1.3");
  EXPECT_EQ(stream->identity().application_protocol, "h2");
  EXPECT_EQ(stream->identity().certificate_pem, "");
  EXPECT_EQ(client->write("hello"), 5u);
  EXPECT_EQ(read_available(*stream), "hello");
  std::string a = "good", empty, b = " day";
  write_all(pieces_of({&a, &empty, &b}));
  EXPECT_EQ(client_reads(), "good day");
}

TEST_F(TlsTest, ReadsAllThatWaitsInsideWhileTheSocketIsSilent) {
  const auto context = context_of(server_certificates());
  connect(*context);
  ASSERT_TRUE(shake_hands());
  EXPECT_EQ(client->write("12345678"), 8u);
  EXPECT_EQ(client->write("9"), 1u);
  std::array<std::byte, 3> small;
  std::string got;
  IoResult result;
  while ((result = stream->read(small)).outcome == IoOutcome::kDone) {
    got.append(reinterpret_cast<const char*>(small.data()), result.bytes);
  }
  EXPECT_EQ(got, "123456789");
  EXPECT_EQ(result.outcome, IoOutcome::kWantsRead);
}

TEST_F(TlsTest, PutsSmallPiecesIntoOneRecord) {
  const auto context = context_of(server_certificates());
  connect(*context);
  ASSERT_TRUE(shake_hands());
  client_reads();  // tickets
  std::string header = "frame header", body = noise(1'000), end = "end";
  write_all(pieces_of({&header, &body, &end}));
  std::array<char, 2'000> raw;
  const ssize_t size = recv(client->fd(), raw.data(), raw.size(), MSG_PEEK);
  const std::size_t sent = header.size() + body.size() + end.size();
  EXPECT_LT(static_cast<std::size_t>(size), sent + 5 + 1 + 16 + 1);  // one record's header, type and tag
  EXPECT_EQ(client_reads(), header + body + end);
}

// Writes by pieces that change from call to call, as a queue's do, to a peer that reads little by little.
void write_to_a_slow_peer(ByteStream& stream, TlsClient& client) {
  const std::string sent = noise(300'000);
  std::string received;
  int stalls = 0;
  for (std::size_t offset = 0; offset < sent.size();) {
    std::vector<iovec> pieces;
    std::size_t size = 9;
    for (std::size_t at = offset; at < sent.size() && pieces.size() < 6; size = size == 9 ? 20'000 : 9) {
      const std::size_t length = std::min(size + static_cast<std::size_t>(stalls % 7), sent.size() - at);
      pieces.push_back({const_cast<char*>(sent.data()) + at, length});
      at += length;
    }
    const IoResult result = stream.write(pieces);
    if (result.outcome == IoOutcome::kDone) {
      ASSERT_GT(result.bytes, 0u);
      offset += result.bytes;
      continue;
    }
    ASSERT_EQ(result.outcome, IoOutcome::kWantsWrite);
    ++stalls;
    ASSERT_LT(stalls, 100'000);
    client.read(received);
  }
  client.read(received);
  EXPECT_GT(stalls, 10);
  EXPECT_TRUE(received == sent);
}

TEST_F(TlsTest, WritesInPartsWhatTheSocketHasNoRoomFor) {
  const auto context = context_of(server_certificates());
  connect(*context, {}, true);
  ASSERT_TRUE(shake_hands());
  write_to_a_slow_peer(*stream, *client);
}

TEST_F(TlsTest, WritesInPartsToAClientThatAsksForSmallRecords) {
  const auto context = context_of(server_certificates());
  ClientOptions options;
  options.max_fragment_length = TLSEXT_max_fragment_length_512;
  connect(*context, options, true);
  ASSERT_TRUE(shake_hands());
  write_to_a_slow_peer(*stream, *client);
}

TEST_F(TlsTest, ReadsWhileAWriteWaits) {
  const auto context = context_of(server_certificates());
  connect(*context, {}, true);
  ASSERT_TRUE(shake_hands());
  std::string large = noise(100'000);
  std::size_t moved = 0;
  IoResult result;
  while (true) {
    const iovec piece{large.data() + moved, large.size() - moved};
    result = stream->write({&piece, 1});
    if (result.outcome != IoOutcome::kDone) break;
    moved += result.bytes;
  }
  EXPECT_EQ(result.outcome, IoOutcome::kWantsWrite);
  EXPECT_EQ(client->write("meanwhile"), 9u);
  EXPECT_EQ(read_available(*stream), "meanwhile");
}

TEST_F(TlsTest, AnswersAKeyUpdateWhileAWriteWaits) {
  const auto context = context_of(server_certificates());
  connect(*context, {}, true);
  ASSERT_TRUE(shake_hands());
  ASSERT_EQ(SSL_key_update(client->ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
  EXPECT_EQ(client->write("x"), 1u);
  EXPECT_EQ(read_available(*stream), "x");
  write_to_a_slow_peer(*stream, *client);
}

TEST_F(TlsTest, TellsAGoodByeFromABrokenConnection) {
  const auto context = context_of(server_certificates());
  std::array<std::byte, 16> buffer;
  const auto outcome_of_end = [&] {
    IoOutcome outcome;
    // The first may only say that nothing is there any more of what there was.
    while ((outcome = stream->read(buffer).outcome) == IoOutcome::kWantsRead) {
    }
    EXPECT_EQ(ERR_peek_error(), 0u);
    return outcome;
  };
  connect(*context);
  ASSERT_TRUE(shake_hands());
  SSL_shutdown(client->ssl());
  EXPECT_EQ(outcome_of_end(), IoOutcome::kClosed);

  connect(*context);
  ASSERT_TRUE(shake_hands());
  client->drop();
  EXPECT_EQ(outcome_of_end(), IoOutcome::kFailed);
  std::string text = "lost";
  EXPECT_EQ(stream->write(pieces_of({&text})).outcome, IoOutcome::kFailed);
}

TEST_F(TlsTest, RaisesNoSignalWhenThePeerHasGone) {
  const auto context = context_of(server_certificates());
  connect(*context);
  ASSERT_TRUE(shake_hands());
  client->drop();
  std::string text = "lost";
  EXPECT_EQ(stream->write(pieces_of({&text})).outcome, IoOutcome::kFailed);
  stream->shut_down();
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_F(TlsTest, SaysGoodByeWhenItIsShutDown) {
  const auto context = context_of(server_certificates());
  connect(*context);
  ASSERT_TRUE(shake_hands());
  stream->shut_down();
  std::string nothing;
  EXPECT_TRUE(client->read(nothing));
  EXPECT_EQ(client->failure(), "");
}

TEST_F(TlsTest, RefusesClientsThatDoNotOfferHttp2) {
  const auto context = context_of(server_certificates());
  for (std::string_view alpn : {std::string_view("\x08http/1.1", 9), std::string_view()}) {
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      ClientOptions options;
      options.alpn = alpn;
      options.max_version = version;
      connect(*context, options);
      EXPECT_FALSE(shake_hands());
      EXPECT_EQ(client->failure(), kNoProtocol);
    }
  }
}

TEST_F(TlsTest, ChoosesHttp2AmongOthers) {
  const auto context = context_of(server_certificates());
  ClientOptions options;
  options.alpn = {"\x08http/1.1\x02h2", 12};
  connect(*context, options);
  EXPECT_TRUE(shake_hands());
  EXPECT_EQ(stream->identity().application_protocol, "h2");
}

TEST_F(TlsTest, SpeaksTls12OnlyWithCiphersThatHttp2Allows) {
  const auto context = context_of(server_certificates());
  ClientOptions options;
  options.max_version = TLS1_2_VERSION;
  connect(*context, options);
  ASSERT_TRUE(shake_hands());
  EXPECT_EQ(stream->identity().protocol, "TLSv1.2");
  EXPECT_EQ(client->write("x"), 1u);
  EXPECT_EQ(read_available(*stream), "x");
  EXPECT_LE(SSL_renegotiate(client->ssl()) == 1 ? SSL_do_handshake(client->ssl()) : 0, 0);
  ERR_clear_error();

  options.tls12_ciphers = "ECDHE-ECDSA-AES128-SHA256";  // CBC
  connect(*context, options);
  EXPECT_FALSE(shake_hands());
  options.max_version = TLS1_1_VERSION;
  options.tls12_ciphers = "ALL@SECLEVEL=0";
  connect(*context, options);
  EXPECT_FALSE(shake_hands());
  EXPECT_EQ(client->failure(), "tlsv1 alert protocol version");
}

TEST_F(TlsTest, FailsOnBytesThatAreNoTls) {
  const auto context = context_of(server_certificates());
  auto [ours, theirs] = test::socket_pair();
  stream = context->accept(std::move(ours), "unix:");
  ASSERT_EQ(send(theirs.fd(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, 0), 24);
  EXPECT_EQ(stream->handshake().outcome, IoOutcome::kFailed);
  EXPECT_EQ(stream->handshake().outcome, IoOutcome::kFailed);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_F(TlsTest, FailsWhenThePeerLeavesBeforeTheHandshakeIsOver) {
  const auto context = context_of(server_certificates());
  connect(*context);
  client->drop();
  EXPECT_EQ(stream->handshake().outcome, IoOutcome::kFailed);
}

TEST_F(TlsTest, KnowsAClientByItsCertificate) {
  const auto context = context_of(mutual(true));
  const Certificate own("Zoë", &authority,
                        "DNS:client.example,URI:spiffe://example/client,email:a@b.example,IP:10.0.0.1,IP:::1");
  ClientOptions options;
  options.certificate = &own;
  connect(*context, options);
  ASSERT_TRUE(shake_hands());
  const PeerIdentity& identity = stream->identity();
  EXPECT_EQ(identity.certificate_pem, own.pem());
  EXPECT_EQ(identity.common_name, "Zoë");
  EXPECT_EQ(identity.alternative_names,
            (std::vector<std::string>{"client.example", "spiffe://example/client", "a@b.example", "10.0.0.1", "::1"}));
}

TEST_F(TlsTest, RefusesAClientWithoutACertificateOnlyWhereOneIsRequired) {
  connect(*context_of(mutual(true)));
  EXPECT_FALSE(shake_hands());
  EXPECT_EQ(client->failure(), "tlsv13 alert certificate required");
  connect(*context_of(mutual(false)));
  EXPECT_TRUE(shake_hands());
  EXPECT_EQ(stream->identity().certificate_pem, "");
}

TEST_F(TlsTest, RefusesAClientsCertificateOfAnotherAuthority) {
  const Certificate stranger("authority"), own("client", &stranger);
  ClientOptions options;
  options.certificate = &own;
  for (bool require : {true, false}) {
    connect(*context_of(mutual(require)), options);
    EXPECT_FALSE(shake_hands());
    EXPECT_NE(client->failure(), "");
  }
}

TEST_F(TlsTest, GivesTicketsByWhichClientsComeBackAsWhoTheyWere) {
  const auto context = context_of(mutual(true));
  const Certificate own("client", &authority);
  ClientOptions options;
  options.certificate = &own;
  connect(*context, options);
  ASSERT_TRUE(shake_hands());
  client_reads();
  SSL_SESSION* session = SSL_get1_session(client->ssl());
  SSL_shutdown(client->ssl());  // OpenSSL forgets sessions that end without a good-bye
  options.session = session;
  connect(*context, options);
  ASSERT_TRUE(shake_hands());
  EXPECT_EQ(SSL_session_reused(client->ssl()), 1);
  EXPECT_EQ(stream->identity().common_name, "client");
  SSL_SESSION_free(session);
}

TEST_F(TlsTest, ShowsNewConnectionsTheNewCertificateAndKeepsTheOldOnes) {
  const auto context = context_of(server_certificates());
  connect(*context);
  ASSERT_TRUE(shake_hands());
  EXPECT_EQ(server_name_seen(), "server");
  const auto old_stream = std::move(stream);
  const auto old_client = std::move(client);

  const Certificate renewed("renewed");
  ASSERT_TRUE(context->replace({renewed.pem(), renewed.key_pem(), "", false}).ok());
  connect(*context);
  ASSERT_TRUE(shake_hands());
  EXPECT_EQ(server_name_seen(), "renewed");
  EXPECT_EQ(old_client->write("still here"), 10u);
  EXPECT_EQ(read_available(*old_stream), "still here");
}

TEST_F(TlsTest, KeepsTheOldCertificateWhenTheNewOneCannotBeUsed) {
  const auto context = context_of(server_certificates());
  const Certificate other("other");
  const Status status = context->replace({other.pem(), server.key_pem(), "", false});
  EXPECT_EQ(status, invalid_argument("TLS: the private key does not belong to the certificate: key values mismatch"));
  EXPECT_EQ(ERR_peek_error(), 0u);
  connect(*context);
  ASSERT_TRUE(shake_hands());
  EXPECT_EQ(server_name_seen(), "server");
}

TEST_F(TlsTest, SaysWhatCannotBeUsed) {
  const auto reason = [](const TlsCertificates& certificates) {
    const auto context = TlsContext::create(certificates);
    if (context.ok()) return std::string("fine");
    EXPECT_EQ(context.status().code(), StatusCode::kInvalidArgument);
    return context.status().message();
  };
  const std::string pem = server.pem(), key = server.key_pem();
  EXPECT_EQ(reason({"", key, "", false}), "TLS: the certificate chain cannot be used: no start line");
  EXPECT_EQ(reason({pem.substr(0, 200), key, "", false}), "TLS: the certificate chain cannot be used: bad end line");
  EXPECT_EQ(reason({pem, "nonsense", "", false}).find("TLS: the private key cannot be read: "), 0u);
  EXPECT_EQ(reason({pem, key, "nonsense", false}),
            "TLS: the authorities of client certificates cannot be used: no start line");
  EXPECT_EQ(reason({pem, key, "", true}),
            "TLS: client certificates are required, but no authorities are given to verify them by");
  EXPECT_EQ(reason({pem + authority.pem(), key, authority.pem(), true}), "fine");
}

TEST_F(TlsTest, ReplacesCertificatesWhileOtherThreadsAccept) {
  const auto context = context_of(server_certificates());
  const TlsCertificates certificates = server_certificates();
  std::thread replacing([&] {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(context->replace(certificates).ok());
  });
  for (int i = 0; i < 50; ++i) {
    connect(*context);
    EXPECT_TRUE(shake_hands());
  }
  replacing.join();
}

}  // namespace
}  // namespace pyserver
