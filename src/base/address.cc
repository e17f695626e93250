#include "base/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <memory>
#include <vector>

#include "base/number.h"

namespace mimeme {
namespace {

struct Block {
  uint8_t first[16];
  int bits;
};

constexpr Block kNotPublicV4[] = {
    {{0}, 8},              // this network
    {{10}, 8},             // private
    {{100, 64}, 10},       // carrier-grade NAT
    {{127}, 8},            // loopback
    {{169, 254}, 16},      // link-local
    {{172, 16}, 12},       // private
    {{192, 0, 0}, 24},     // protocols' own
    {{192, 0, 2}, 24},     // documentation
    {{192, 88, 99}, 24},   // relays of 6to4
    {{192, 168}, 16},      // private
    {{198, 18}, 15},       // benchmarks
    {{198, 51, 100}, 24},  // documentation
    {{203, 0, 113}, 24},   // documentation
    {{224}, 4},            // multicast
    {{240}, 4},            // reserved, and broadcast
};

constexpr Block kGlobalUnicastV6 = {{0x20}, 3};
constexpr Block kNotPublicV6[] = {
    {{0x20, 0x01, 0x00}, 23},  // protocols' own: Teredo, which has IPv4 in it, ORCHID, benchmarks
    {{0x20, 0x01, 0x0D, 0xB8}, 32},  // documentation
    {{0x20, 0x02}, 16},              // 6to4, which has IPv4 in it
    {{0x3F, 0xFE}, 16},              // 6bone, given back
    {{0x3F, 0xFF, 0x00}, 20},        // documentation
};
constexpr Block kNat64 = {{0x00, 0x64, 0xFF, 0x9B}, 96};  // RFC 6052

bool is_in(std::span<const uint8_t> address, const Block& block) {
  return share_prefix(address, std::span(block.first).first(address.size()), block.bits);
}

// The bytes of a socket's address: none of another family than IP's.
std::span<const uint8_t> bytes_of(const sockaddr* address) {
  if (address && address->sa_family == AF_INET)
    return {
        reinterpret_cast<const uint8_t*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr),
        4};
  if (address && address->sa_family == AF_INET6)
    return reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr.s6_addr;
  return {};
}

}  // namespace

bool share_prefix(std::span<const uint8_t> a, std::span<const uint8_t> b, int bits) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; bits > 0 && i < a.size(); ++i, bits -= 8)
    if ((a[i] ^ b[i]) >> (8 - std::min(bits, 8)) != 0) return false;
  return true;
}

std::vector<uint8_t> parse_address(const std::string& text) {
  // A zone ("fe80::1%eth0") says by which interface, not which.
  if (const size_t zone = text.find('%'); zone != text.npos)
    return parse_address(text.substr(0, zone));
  static constexpr Block kMapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96};
  std::vector<uint8_t> bytes(16);
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
    bytes.resize(4);
  } else if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) {
    bytes.clear();
  } else if (is_in(bytes, kMapped)) {
    bytes.erase(bytes.begin(), bytes.end() - 4);
  }
  return bytes;
}

std::optional<Network> parse_network(const std::string& text) {
  const size_t slash = text.find('/');
  Network network{.address = parse_address(text.substr(0, slash))};
  const int most = static_cast<int>(network.address.size()) * 8;
  const auto bits =
      slash == text.npos ? most : parse_number<int>(text.substr(slash + 1)).value_or(-1);
  if (most == 0 || bits < 0 || bits > most) return std::nullopt;
  network.bits = bits;
  return network;
}

bool is_in(std::span<const uint8_t> address, const Network& network) {
  return share_prefix(address, network.address, network.bits);
}

bool is_loopback(std::span<const uint8_t> address) {
  static constexpr uint8_t kV4[4] = {127, 0, 0, 1};
  static constexpr uint8_t kV6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return share_prefix(address, kV4, 8) || share_prefix(address, kV6, 128);
}

bool is_public(std::span<const uint8_t> address) {
  const auto holds = [&](const Block& block) { return is_in(address, block); };
  if (address.size() == 4)
    return std::none_of(std::begin(kNotPublicV4), std::end(kNotPublicV4), holds);
  if (address.size() != 16) return false;
  if (holds(kNat64)) return is_public(address.last(4));
  return holds(kGlobalUnicastV6) &&
         std::none_of(std::begin(kNotPublicV6), std::end(kNotPublicV6), holds);
}

bool is_near(std::span<const uint8_t> address) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return true;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* one = list; one; one = one->ifa_next) {
    const auto own = bytes_of(one->ifa_addr), mask = bytes_of(one->ifa_netmask);
    int bits = 0;
    for (const uint8_t byte : mask) bits += std::popcount(byte);
    // A tunnel's network may be all there is: of that, the machine's own address.
    if (bits == 0) bits = static_cast<int>(own.size()) * 8;
    if (!own.empty() && share_prefix(address, own, bits)) return true;
  }
  return false;
}

}  // namespace mimeme
