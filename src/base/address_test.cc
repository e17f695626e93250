#include "base/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <vector>

namespace mimeme {
namespace {

std::vector<uint8_t> bytes_of(const char* text) {
  std::vector<uint8_t> bytes(16);
  if (inet_pton(AF_INET6, text, bytes.data()) == 1) return bytes;
  bytes.resize(4);
  EXPECT_EQ(inet_pton(AF_INET, text, bytes.data()), 1) << text;
  return bytes;
}

TEST(Address, TheInternetIsPublic) {
  for (const char* text :
       {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",     "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
        "192.0.1.0",       "192.0.3.0",       "192.88.98.255",   "192.167.255.255",
        "192.169.0.0",     "198.17.255.255",  "198.20.0.0",      "198.51.99.255",
        "203.0.112.255",   "203.0.114.0",     "223.255.255.255", "2001:200::1",
        "2001:db7::1",     "2001:db9::1",     "2003::1",         "2400:cb00:2048:1::c629:d7a2",
        "2606:4700::1111", "2a00:1450::200e", "3ffd::1",         "2001:4860:4860::8888",
        "64:ff9b::8.8.8.8"})
    EXPECT_TRUE(is_public(bytes_of(text))) << text;
}

TEST(Address, WhatIsSomebodysOwnOrNobodysIsNot) {
  for (const char* text : {
           "0.0.0.0",
           "0.1.2.3",
           "10.0.0.0",
           "10.255.255.255",
           "100.64.0.0",
           "100.127.255.255",
           "127.0.0.1",
           "127.255.255.255",
           "169.254.0.0",
           "169.254.169.254",
           "169.254.255.255",
           "172.16.0.0",
           "172.31.255.255",
           "192.0.0.1",
           "192.0.0.170",
           "192.0.2.1",
           "192.88.99.1",
           "192.168.0.0",
           "192.168.255.255",
           "198.18.0.0",
           "198.19.255.255",
           "198.51.100.7",
           "203.0.113.7",
           "224.0.0.1",
           "239.255.255.255",
           "240.0.0.1",
           "255.255.255.255",
           "::",                        // unspecified
           "::1",                       // loopback
           "::127.0.0.1",               // IPv4-compatible
           "::8.8.8.8",                 //
           "::ffff:127.0.0.1",          // IPv4-mapped
           "::ffff:10.0.0.1",           //
           "::ffff:169.254.169.254",    //
           "::ffff:8.8.8.8",            //
           "::ffff:0:127.0.0.1",        // IPv4-translated
           "64:ff9b::127.0.0.1",        // NAT64
           "64:ff9b::10.1.2.3",         //
           "64:ff9b::169.254.169.254",  //
           "64:ff9b::100.64.0.1",       //
           "64:ff9b:0:0:0:1:808:808",   // beside it
           "64:ff9b:1::8.8.8.8",        // NAT64 of one's own
           "100::1",                    // discard
           "2001::1",
           "2001:0:7f00:1::",  // Teredo
           "2001:2::1",        // benchmarks
           "2001:10::1",
           "2001:20::1",             // ORCHID
           "2001:1ff:ffff::1",       //
           "2001:db8::1",            // documentation
           "2001:db8:ffff:ffff::1",  //
           "2002:7f00:1::",
           "2002:a00:1::1",    // 6to4
           "2002:808:808::1",  //
           "3ffe::1",          // 6bone
           "3fff::1",
           "3fff:fff:ffff::1",  // documentation
           "4000::1",
           "5f00::1",
           "8000::1",  // not given out
           "fc00::1",
           "fd12:3456:789a::1",
           "fd00:ec2::254",  // unique local; Amazon's metadata
           "fe80::1",
           "febf::1",  // link-local
           "fec0::1",  // site-local
           "ff02::1",
           "ff0e::1",
           "ffff::1",  // multicast
       })
    EXPECT_FALSE(is_public(bytes_of(text))) << text;
  EXPECT_FALSE(is_public({}));
  EXPECT_FALSE(is_public(std::vector<uint8_t>(5, 8)));
}

TEST(Address, APrefixIsComparedBitByBit) {
  const auto a = bytes_of("10.0.129.1");
  for (const auto& [other, bits, is_shared] :
       std::vector<std::tuple<const char*, int, bool>>{{"10.0.129.1", 32, true},
                                                       {"10.0.129.0", 32, false},
                                                       {"10.0.129.0", 31, true},
                                                       {"10.0.128.0", 23, true},
                                                       {"10.0.128.0", 24, false},
                                                       {"10.0.0.0", 16, true},
                                                       {"10.0.0.0", 17, false},
                                                       {"11.0.0.0", 0, true},
                                                       {"::", 0, false}})
    EXPECT_EQ(share_prefix(a, bytes_of(other), bits), is_shared) << other << '/' << bits;
}

TEST(Address, ThisMachineIsNearAndTheInternetIsNot) {
  EXPECT_TRUE(is_near(bytes_of("127.0.0.1")));
  EXPECT_TRUE(is_near(bytes_of("127.1.2.3"))) << "the same network";
  EXPECT_FALSE(is_near(bytes_of("240.1.2.3")));
}

TEST(Address, IsReadAsTextHasIt) {
  EXPECT_EQ(parse_address("127.0.0.1"), (std::vector<uint8_t>{127, 0, 0, 1}));
  EXPECT_EQ(parse_address("::ffff:10.1.2.3"), (std::vector<uint8_t>{10, 1, 2, 3}));
  EXPECT_EQ(parse_address("2001:db8::1").size(), 16U);
  EXPECT_EQ(parse_address("fe80::1%eth0"), parse_address("fe80::1"));
  for (const char* text : {"", "localhost", "127.0.0.1:80", "[::1]", "1.2.3", "10.0.0.0/8"})
    EXPECT_TRUE(parse_address(text).empty()) << text;
}

TEST(Address, NetworksHoldTheirAddresses) {
  const auto holds = [](const char* network, const char* address) {
    return is_in(parse_address(address), parse_network(network).value());
  };
  EXPECT_TRUE(holds("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(holds("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(holds("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(holds("192.0.2.7", "192.0.2.8"));
  EXPECT_TRUE(holds("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(holds("0.0.0.0/0", "::1")) << "of the other kind";
  EXPECT_TRUE(holds("2001:db8::/32", "2001:db8:1::1"));
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "/8", "x/8", "::/129"})
    EXPECT_FALSE(parse_network(text)) << text;
}

TEST(Address, LoopbackIsThisMachine) {
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(parse_address(text))) << text;
  for (const char* text : {"0.0.0.0", "::", "128.0.0.1", "::2", ""})
    EXPECT_FALSE(is_loopback(parse_address(text))) << text;
}

}  // namespace
}  // namespace mimeme
