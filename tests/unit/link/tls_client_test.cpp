#include "link/tls_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <thread>

#include "net/endpoint.hpp"
#include "net/file_descriptor.hpp"
#include "protocol/messages.hpp"

namespace causeway::link {
namespace {

using testing::HasSubstr;

/// A self-signed TLS server on loopback: one connection, served by a thread with a script.
class Server {
 public:
  using Script = std::function<void(SSL*)>;

  explicit Server(int max_version = TLS1_3_VERSION) : context_(SSL_CTX_new(TLS_server_method())) {
    key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key_);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("server"), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_sign(certificate, key_, EVP_sha256());
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    SHA256(der, static_cast<std::size_t>(size), pin.data());
    OPENSSL_free(der);
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key_);
    SSL_CTX_set_max_proto_version(context_, max_version);
    X509_free(certificate);

    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage storage{};
    const net::Endpoint loopback{*net::IpAddress::parse("127.0.0.1"), 0};
    socklen_t length = loopback.to_sockaddr(storage);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    length = sizeof storage;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&storage), &length);
    port = net::Endpoint::from_sockaddr(storage)->port;
  }
  ~Server() {
    if (thread_.joinable()) thread_.join();
    SSL_CTX_free(context_);
    EVP_PKEY_free(key_);
  }

  void serve(Script script) {
    accept([this, script = std::move(script)](int socket) {
      SSL* ssl = SSL_new(context_);
      SSL_set_fd(ssl, socket);
      if (SSL_accept(ssl) == 1) script(ssl);
      SSL_free(ssl);
    });
  }
  void accept(std::function<void(int socket)> script) {
    thread_ = std::thread([this, script = std::move(script)] {
      // Bounded, so that a client that never comes ends the test with a failure and not with a hang.
      pollfd waiting{listener_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 10'000) != 1) return;
      const net::FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      const timeval patience{10, 0};
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      script(socket.get());
    });
  }
  void stop_listening() { listener_.reset(); }

  std::uint16_t port = 0;
  protocol::KeyPin pin{};

 private:
  SSL_CTX* context_;
  EVP_PKEY* key_;
  net::FileDescriptor listener_;
  std::thread thread_;
};

void write(SSL* ssl, std::string_view text) { SSL_write(ssl, text.data(), static_cast<int>(text.size())); }

/// Up to the LF; empty at the end of the connection.
std::string read_line(SSL* ssl) {
  std::string line;
  for (char c = 0; SSL_read(ssl, &c, 1) == 1 && c != '\n';)
    line += c;
  return line;
}

class TlsClientTest : public testing::Test {
 protected:
  TlsClientTest() : client(make({})) {}

  std::unique_ptr<TlsClient> make(TlsClient::Options options) {
    return std::make_unique<TlsClient>(
        context,
        TlsClient::Callbacks{[this](ByteView bytes) {
                               exporter.assign(bytes.begin(), bytes.end());
                               if (on_connected) on_connected();
                             },
                             [this](std::string_view line) {
                               lines.emplace_back(line);
                               if (on_line) on_line();
                             },
                             [this](std::string_view why) { reasons.emplace_back(why); }},
        std::move(options));
  }
  static protocol::JoinToken pinned(const protocol::KeyPin& pin) {
    protocol::JoinToken token;
    token.pins = {protocol::KeyPin{}, pin};
    return token;
  }
  bool run(const std::function<bool()>& until) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!until()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  std::string reason() {
    run([&] { return !reasons.empty(); });
    EXPECT_EQ(reasons.size(), 1u);
    return reasons.empty() ? "(still open)" : reasons[0];
  }

  boost::asio::io_context context;
  Bytes exporter;
  std::vector<std::string> lines, reasons;
  std::function<void()> on_connected, on_line;
  std::unique_ptr<TlsClient> client;
};

TEST_F(TlsClientTest, ExchangesLinesAndAgreesOnTheExporter) {
  Server server;
  Bytes server_exporter(32);
  server.serve([&](SSL* ssl) {
    SSL_export_keying_material(ssl, server_exporter.data(), server_exporter.size(),
                               protocol::kExporterLabel.data(), protocol::kExporterLabel.size(), nullptr, 0,
                               0);
    const std::string first = read_line(ssl);
    write(ssl, "you said " + first + "\nand a se");
    write(ssl, "cond line\r\n");
    read_line(ssl);
    SSL_shutdown(ssl);
  });
  on_connected = [&] {
    client->send("hello");
    client->send("bye");
  };
  client->open("127.0.0.1", server.port, pinned(server.pin));
  EXPECT_EQ(reason(), "it closed the connection");
  EXPECT_EQ(lines, (std::vector<std::string>{"you said hello", "and a second line"}));
  EXPECT_EQ(exporter, server_exporter);
}

TEST_F(TlsClientTest, AnotherKeyIsToldClearly) {
  Server server;
  server.serve([](SSL* ssl) { read_line(ssl); });
  client->open("127.0.0.1", server.port, pinned(protocol::KeyPin{1, 2, 3}));
  EXPECT_THAT(reason(), HasSubstr("is not the one that the join token names"));
  EXPECT_TRUE(exporter.empty());
}

TEST_F(TlsClientTest, WithoutPinsTheSystemsCasDecide) {
  Server server;
  server.serve([](SSL* ssl) { read_line(ssl); });
  protocol::JoinToken token;
  token.ca = "server.example";
  client->open("127.0.0.1", server.port, token);
  EXPECT_THAT(reason(), HasSubstr("its certificate is not accepted: self"));
  EXPECT_TRUE(exporter.empty());
}

TEST_F(TlsClientTest, Tls12IsNotEnough) {
  Server server(TLS1_2_VERSION);
  server.serve([](SSL* ssl) { read_line(ssl); });
  client->open("127.0.0.1", server.port, pinned(server.pin));
  EXPECT_EQ(reason(), "it does not speak TLS 1.3");
}

TEST_F(TlsClientTest, GarbageInsteadOfTls) {
  Server server;
  server.accept([](int socket) {
    const std::string_view text = "HTTP/1.1 400 Bad Request\r\n\r\n";
    EXPECT_GT(::send(socket, text.data(), text.size(), MSG_NOSIGNAL), 0);
    char block[4096];
    while (::recv(socket, block, sizeof block, 0) > 0) {
    }
  });
  client->open("127.0.0.1", server.port, pinned(server.pin));
  EXPECT_EQ(reason(), "it does not speak TLS");
}

TEST_F(TlsClientTest, ClosedInTheMiddleOfALine) {
  Server server;
  server.serve([](SSL* ssl) { write(ssl, "{\"jsonrpc\": "); });
  client->open("127.0.0.1", server.port, pinned(server.pin));
  EXPECT_THAT(reason(), HasSubstr("it closed the connection in the middle of a message"));
  EXPECT_TRUE(lines.empty());
}

TEST_F(TlsClientTest, ALineWithoutEndClosesTheConnection) {
  Server server;
  server.serve([](SSL* ssl) {
    const std::string block(16'000, 'x');
    for (int i = 0; i < 8; ++i)
      write(ssl, block);
    read_line(ssl);
  });
  client->open("127.0.0.1", server.port, pinned(server.pin));
  EXPECT_THAT(reason(), HasSubstr("longer than 64 KiB"));
}

TEST_F(TlsClientTest, AServerThatNeverCompletesTheHandshakeIsLeft) {
  Server server;
  server.accept([](int socket) {
    char block[4096];
    while (::recv(socket, block, sizeof block, 0) > 0) {
    }
  });
  client = make({.prepare_socket = {}, .handshake_timeout = std::chrono::milliseconds(100)});
  client->open("127.0.0.1", server.port, pinned(server.pin));
  EXPECT_THAT(reason(), HasSubstr("does not complete the TLS handshake"));
}

TEST_F(TlsClientTest, AServerThatDoesNotReadIsLeft) {
  Server server;
  bool done = false;
  server.serve([&](SSL* ssl) {
    char c;
    SSL_peek(ssl, &c, 1);  // waits for the first byte, then reads nothing until the client gives up
    pollfd waiting{SSL_get_fd(ssl), POLLRDHUP, 0};
    ::poll(&waiting, 1, 10'000);
  });
  client = make({.prepare_socket = {}, .max_queued_bytes = 100'000});
  on_connected = [&] { done = true; };
  client->open("127.0.0.1", server.port, pinned(server.pin));
  ASSERT_TRUE(run([&] { return done; }));
  const std::string line(50'000, 'x');
  EXPECT_TRUE(run([&] {
    client->send(line);
    return !reasons.empty();
  }));
  EXPECT_THAT(reason(), HasSubstr("reads no more"));
}

TEST_F(TlsClientTest, ARefusedConnectionAndAnUnknownNameAreTold) {
  Server server;
  const auto port = server.port;
  server.stop_listening();
  client->open("127.0.0.1", port, pinned(server.pin));
  EXPECT_EQ(reason(), "Connection refused");
  reasons.clear();
  client->open("no-such-host.invalid", port, pinned(server.pin));
  EXPECT_THAT(reason(), HasSubstr("the name no-such-host.invalid cannot be resolved"));
}

TEST_F(TlsClientTest, NothingIsToldAfterClose) {
  Server server;
  server.serve([](SSL* ssl) {
    write(ssl, "one\ntwo\nthree\n");
    read_line(ssl);
  });
  on_line = [&] { client->close(); };
  client->open("127.0.0.1", server.port, pinned(server.pin));
  ASSERT_TRUE(run([&] { return !lines.empty(); }));
  context.restart();
  context.run_for(std::chrono::milliseconds(50));
  EXPECT_EQ(lines, (std::vector<std::string>{"one"}));
  EXPECT_TRUE(reasons.empty());
}

TEST_F(TlsClientTest, TheSocketIsPreparedBeforeItConnects) {
  Server server;
  server.serve([](SSL* ssl) { read_line(ssl); });
  int prepared = 0;
  client = make({.prepare_socket = [&](int socket) {
    ++prepared;
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    EXPECT_NE(::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length), 0) << "not connected yet";
  }});
  client->open("127.0.0.1", server.port, pinned(server.pin));
  ASSERT_TRUE(run([&] { return !exporter.empty(); }));
  EXPECT_EQ(prepared, 1);
  client.reset();
  EXPECT_TRUE(reasons.empty());
}

}  // namespace
}  // namespace causeway::link
