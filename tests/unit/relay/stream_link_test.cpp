// Links over TCP and TLS against a server of the test's own, on loopback.
#include "relay/stream_link.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <thread>

#include "net/file_descriptor.hpp"
#include "unit/relay/toy_codec.hpp"

namespace causeway::relay {
namespace {

namespace asio = boost::asio;
using dataplane::ReceiveStatus;
using test::message;
using test::relayed;
using test::text_of;
using test::ToyCodec;

const net::Endpoint kAnna = *net::Endpoint::parse("203.0.113.20:40000");
const net::IpAddress kLoopback = *net::IpAddress::parse("127.0.0.1");

/// A listening socket on loopback; what comes in is served by a thread with blocking calls.
class Server {
 public:
  Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage{};
    socklen_t length = net::Endpoint{kLoopback, 0}.to_sockaddr(storage);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&storage), length), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    length = sizeof storage;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&storage), &length);
    address_ = *net::Endpoint::from_sockaddr(storage);
  }
  ~Server() { wait(); }
  /// Until it has done its work: what it wrote down may be read then.
  void wait() {
    if (thread_.joinable()) thread_.join();
  }
  const net::Endpoint& address() const { return address_; }
  void serve(std::function<void(int socket)> work) {
    thread_ = std::thread([this, work = std::move(work)] {
      const net::FileDescriptor socket(::accept(listener_.get(), nullptr, nullptr));
      work(socket.get());
    });
  }

 private:
  net::FileDescriptor listener_;
  net::Endpoint address_;
  std::thread thread_;
};

void write_all(int socket, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}
Bytes read_exactly(int socket, std::size_t size) {
  Bytes bytes(size);
  std::size_t got = 0;
  while (got < size) {
    const ssize_t part = ::recv(socket, bytes.data() + got, size - got, 0);
    if (part <= 0) break;
    got += static_cast<std::size_t>(part);
  }
  bytes.resize(got);
  return bytes;
}

/// A link, its io_context, and what was called back.
class StreamLinkTest : public ::testing::Test {
 protected:
  void open(StreamOptions options) {
    options.local = kLoopback;
    link_ = std::make_unique<StreamLink>(
        context_, std::move(options), std::make_shared<ToyCodec>(true),
        StreamLink::Callbacks{
            .on_open = [this] { events_ += "open "; },
            .on_closed = [this](const std::string& why) { events_ += "closed: " + why; },
            .on_message = [this](ByteView bytes) { events_ += text_of(bytes.subspan(2)) + " "; }});
    link_->carrier()->set_allocated(true);
    link_->start();
    EXPECT_EQ(events_, "") << "nothing is called back from inside start()";
  }
  /// Runs until the events are so, or begin so, for at most 10 s.
  void run_until(const std::string& wanted) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (events_.substr(0, wanted.size()) != wanted && std::chrono::steady_clock::now() < end)
      context_.run_one_for(std::chrono::milliseconds(100));
    EXPECT_EQ(events_.substr(0, wanted.size()), wanted);
  }

  asio::io_context context_;
  Server server_;
  std::unique_ptr<StreamLink> link_;
  std::string events_;
};

TEST_F(StreamLinkTest, CarriesMessagesAndDatagramsBothWays) {
  std::string at_server;
  server_.serve([&](int socket) {
    at_server = text_of(read_exactly(socket, 7));
    // Split inside the length and inside a message.
    Bytes bytes = message("Chello");
    for (const char* payload : {"one", "two"}) {
      const Bytes datagram = relayed(kAnna, payload, true);
      bytes.insert(bytes.end(), datagram.begin(), datagram.end());
    }
    const Bytes last = message("Clast");
    bytes.insert(bytes.end(), last.begin(), last.end());
    for (const std::uint8_t byte : bytes)
      write_all(socket, {&byte, 1});
    at_server += text_of(read_exactly(socket, 12 * 100));
  });
  open({.server = server_.address()});
  run_until("open ");
  EXPECT_EQ(link_->local().address, kLoopback);
  EXPECT_TRUE(link_->send(message("Cask!")));
  run_until("open Chello Clast ");
  dataplane::ReceivedBatch batch;
  std::string got;
  while (link_->carrier()->receive({}, batch) == ReceiveStatus::received)
    got += text_of(batch.bytes);
  EXPECT_EQ(got, "onetwo");
  const Bytes out(3 * 100, 'x');
  EXPECT_EQ(link_->carrier()->send(kAnna, {out, 3}).segments_sent, 100U);
  run_until("open Chello Clast closed: it closed the connection");
  server_.wait();
  EXPECT_EQ(at_server.size(), 7U + 1200U);
  EXPECT_EQ(at_server.substr(7, 12), text_of(relayed(kAnna, "xxx", true)));
}

TEST_F(StreamLinkTest, WhatIsNotTheProtocolEndsIt) {
  server_.serve([](int socket) {
    write_all(socket, message("Cgood"));
    write_all(socket, Bytes{0xff, 0xff, 1, 2, 3});
    read_exactly(socket, 1);
  });
  open({.server = server_.address()});
  run_until("open Cgood closed: it sent what is not its protocol");
  const Bytes out(3, 'x');
  EXPECT_EQ(link_->carrier()->send(kAnna, {out, 3}).status, dataplane::SendStatus::unreachable);
}

TEST_F(StreamLinkTest, AnEndInTheMiddleOfAMessageIsTold) {
  server_.serve([](int socket) { write_all(socket, Bytes{0, 10, 'C'}); });
  open({.server = server_.address()});
  run_until("open closed: it closed the connection in the middle of a message");
}

TEST_F(StreamLinkTest, NobodyThere) {
  net::Endpoint nobody;
  {
    const Server gone;
    nobody = gone.address();
  }
  open({.server = nobody});
  run_until("closed: Connection refused");
}

TEST_F(StreamLinkTest, ANicThatIsNotThere) {
  open({.device = "cw-none", .server = server_.address()});
  run_until("closed: cannot bind to the NIC cw-none: ");
}

TEST_F(StreamLinkTest, AServerThatSaysNothingInTheHandshakeIsGivenUp) {
  // Until the link closes the connection.
  server_.serve([](int socket) {
    while (!read_exactly(socket, 1).empty()) {
    }
  });
  open({.server = server_.address(), .is_tls = true, .patience = 50ms});
  run_until("closed: it does not complete the TLS handshake");
}

TEST_F(StreamLinkTest, AServerWithoutTls) {
  server_.serve([](int socket) {
    write_all(socket, message("Cplain text is no TLS"));
    read_exactly(socket, 1);
  });
  open({.server = server_.address(), .is_tls = true, .server_name = "relay.example"});
  run_until("closed: TLS failed: ");
}

TEST_F(StreamLinkTest, AfterCloseNothingIsCalled) {
  std::atomic<bool> has_ended{false};
  server_.serve([&](int socket) {
    write_all(socket, message("Cone"));
    read_exactly(socket, 1);
    has_ended = true;
  });
  open({.server = server_.address()});
  run_until("open Cone ");
  link_->close();
  link_->close();
  while (!has_ended)
    context_.run_one_for(std::chrono::milliseconds(10));
  EXPECT_EQ(events_, "open Cone ");
}

// ---- TLS ----

/// A self-signed server, TLS 1.2 at most when asked.
class TlsServer {
 public:
  explicit TlsServer(int highest = 0) {
    std::signal(SIGPIPE, SIG_IGN);
    key_ = EVP_EC_gen("P-256");
    certificate_ = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), 3600);
    X509_set_pubkey(certificate_, key_);
    X509_NAME* name = X509_get_subject_name(certificate_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("relay.example"), -1, -1, 0);
    X509_set_issuer_name(certificate_, name);
    X509_sign(certificate_, key_, EVP_sha256());
    context_ = SSL_CTX_new(TLS_server_method());
    if (highest != 0) SSL_CTX_set_max_proto_version(context_, highest);
    SSL_CTX_use_certificate(context_, certificate_);
    SSL_CTX_use_PrivateKey(context_, key_);
  }
  ~TlsServer() {
    SSL_CTX_free(context_);
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  void serve(int socket, std::string& name, std::string& got) {
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, socket);
    if (SSL_accept(ssl) == 1) {
      const char* sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
      name = sni != nullptr ? sni : "";
      const Bytes greeting = message("Chello");
      SSL_write(ssl, greeting.data(), static_cast<int>(greeting.size()));
      char bytes[64];
      const int size = SSL_read(ssl, bytes, sizeof bytes);
      if (size > 0) got.assign(bytes, static_cast<std::size_t>(size));
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    ERR_clear_error();
  }

 private:
  EVP_PKEY* key_;
  X509* certificate_;
  SSL_CTX* context_;
};

TEST_F(StreamLinkTest, TlsAsksForTheNameAndCarriesMessages) {
  for (const int version : {0, TLS1_2_VERSION}) {
    TlsServer tls(version);
    std::string name, got;
    Server server;
    events_.clear();
    server.serve([&](int socket) { tls.serve(socket, name, got); });
    open({.server = server.address(), .is_tls = true, .server_name = "relay.example"});
    run_until("open Chello ");
    link_->send(message("Cbye"));
    run_until("open Chello closed: it closed the connection");
    EXPECT_EQ(name, "relay.example");
    EXPECT_EQ(got, text_of(message("Cbye")));
  }
}

TEST_F(StreamLinkTest, OldTlsIsRefused) {
  TlsServer tls(TLS1_1_VERSION);
  std::string name, got;
  server_.serve([&](int socket) { tls.serve(socket, name, got); });
  open({.server = server_.address(), .is_tls = true, .server_name = "relay.example"});
  run_until("closed: TLS failed: ");
}

TEST_F(StreamLinkTest, AnUnknownCertificateIsRefusedWhereItIsVerified) {
  TlsServer tls;
  std::string name, got;
  server_.serve([&](int socket) { tls.serve(socket, name, got); });
  open({.server = server_.address(), .is_tls = true, .server_name = "relay.example", .verify = true});
  run_until("closed: its certificate is not accepted: ");
}

}  // namespace
}  // namespace causeway::relay
