// For tests: an https server on 127.0.0.1 that does as its script says, well-behaved or not.
#ifndef MIMEME_TESTS_FETCH_TLS_SERVER_H_
#define MIMEME_TESTS_FETCH_TLS_SERVER_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace mimeme {

// A key, and a certificate of 127.0.0.1 and localhost that it signed itself.
class SelfSigned {
 public:
  SelfSigned() {
    X509_set_version(cert(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert()), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert()), 3600);
    X509_NAME* const name = X509_get_subject_name(cert());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(cert(), name);
    X509_EXTENSION* const names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
    X509_add_ext(cert(), names, -1);
    X509_EXTENSION_free(names);
    X509_set_pubkey(cert(), key());
    EXPECT_GT(X509_sign(cert(), key(), EVP_sha256()), 0);
  }

  X509* cert() const { return cert_.get(); }
  EVP_PKEY* key() const { return key_.get(); }
  void write(const std::string& path) const {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    EXPECT_EQ(PEM_write_X509(file, cert()), 1);
    std::fclose(file);
  }

 private:
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{EVP_EC_gen("P-256"),
                                                                 &EVP_PKEY_free};
  const std::unique_ptr<X509, decltype(&X509_free)> cert_{X509_new(), &X509_free};
};

class TlsServer {
 public:
  // The server's end of a connection, after its request was read. It is closed when the script's
  // step returns.
  class Connection {
   public:
    explicit Connection(SSL* ssl) : ssl_(ssl) {}
    // False once the client has gone.
    bool write(std::string_view bytes) const {
      return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
    }
    // Says nothing more until the client goes, or the server is to end.
    void hang() const {
      char byte = 0;
      while (SSL_read(ssl_, &byte, 1) > 0) continue;
    }

   private:
    SSL* ssl_;
  };
  using Step = std::function<void(const Connection&)>;

  // The nth request is answered by the nth step; those after the last, by the last.
  TlsServer(const SelfSigned& identity, std::vector<Step> script)
      : script_(std::move(script)), fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SSL_CTX_use_certificate(context_.get(), identity.cert());
    SSL_CTX_use_PrivateKey(context_.get(), identity.key());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_, any, size), 0);
    EXPECT_EQ(listen(fd_, 64), 0);
    EXPECT_EQ(getsockname(fd_, any, &size), 0);
    port_ = ntohs(address.sin_port);
    accepter_ = std::thread([this] { accept_all(); });
  }
  ~TlsServer() {
    shutdown(fd_, SHUT_RDWR);
    accepter_.join();
    {
      const std::lock_guard lock(mu_);
      for (const int fd : open_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    close(fd_);
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  uint16_t port() const { return port_; }
  std::string url(const std::string& host = "127.0.0.1") const {
    return "https://" + host + ':' + std::to_string(port_) + "/picture";
  }
  int connections() const { return connections_; }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mu_);
    return requests_;
  }
  // Waits for them, ten seconds at most.
  bool has_had(size_t requests) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (this->requests().size() < requests && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
    return this->requests().size() >= requests;
  }

 private:
  void accept_all() {
    for (int fd = 0; (fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      ++connections_;
      const std::lock_guard lock(mu_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), &SSL_free);
    SSL_set_fd(ssl.get(), fd);
    if (SSL_accept(ssl.get()) == 1) {
      std::string text;
      char byte = 0;
      while (!text.ends_with("\r\n\r\n") && SSL_read(ssl.get(), &byte, 1) == 1) text += byte;
      if (text.ends_with("\r\n\r\n")) {
        const size_t n = note(text);
        script_[std::min(n, script_.size() - 1)](Connection(ssl.get()));
        SSL_shutdown(ssl.get());
      }
    }
    const std::lock_guard lock(mu_);
    std::erase(open_, fd);
    close(fd);
  }
  size_t note(const std::string& request) {
    const std::lock_guard lock(mu_);
    requests_.push_back(request);
    return requests_.size() - 1;
  }

  const std::vector<Step> script_;
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_server_method()),
                                                                   &SSL_CTX_free};
  const int fd_;
  uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::thread accepter_;
  std::vector<std::thread> threads_;  // the accepter's until it has ended
  mutable std::mutex mu_;
  std::vector<int> open_;  // guarded by mu_, as is the next
  std::vector<std::string> requests_;
};

}  // namespace mimeme

#endif  // MIMEME_TESTS_FETCH_TLS_SERVER_H_
