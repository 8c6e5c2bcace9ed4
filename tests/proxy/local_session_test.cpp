// SPDX-License-Identifier: MIT
// Programs that ask at a local door for a connection.
#include "proxy/local_session.hpp"

#include <vector>

#include "cpe_fixture.hpp"
#include "proxy/local_plane.hpp"

namespace anabranch::proxy {
namespace {

using namespace test;

const std::string kDoors =
    "[[local]]\nlisten = \"127.0.0.1:1080\"\nper_client = 2\n"
    "[[local]]\nlisten = \"127.0.0.1:8080\"\nprotocol = \"http\"\n"
    "[[local]]\nlisten = \"192.0.2.7:1080\"\n"
    "[[rule]]\nname = \"mail\"\naction = \"reject\"\nports = [\"25\"]\n";
const std::string kGreeting = "\x05\x01\x00"s;
const std::string kMethod = "\x05\x00"s;
const std::string kSocksEnd = "\x00\x01\0\0\0\0\0\0"s;

/// `address`: the type of it, and then its octets.
std::string socks_request(const std::string& address, char port) {
  return "\x05\x01\x00"s + address + '\0' + port;
}

std::string socks_name(const std::string& name) {
  return '\x03' + std::string(1, static_cast<char>(name.size())) + name;
}

std::string socks_reply(char code) {
  return "\x05"s + code + kSocksEnd;
}

std::string http_request(const std::string& where) {
  return "CONNECT " + where + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

class LocalProxy : public Cpe {
 protected:
  // The test plays the converter, and its server has an address of this machine: not this one.
  void SetUp() override {
    Cpe::SetUp();
    if (IsSkipped()) return;
    auto netlink = kernel::Rtnetlink::open();
    ASSERT_TRUE(netlink);
    kernel::Address own;
    own.ifindex = netlink->link("lo")->index;
    own.prefix = IpPrefix::host(kServer.address);
    run({}, kDoors);
    for (const auto& entry : settings_->local) open(entry);
    ASSERT_TRUE(netlink->remove(own));
  }

  static UniqueFd call(std::string_view door) {
    auto fd = kernel::open_stream_socket(Family::kIpv4, Transport::kTcp);
    EXPECT_TRUE(fd);
    const auto to = Endpoint::parse(door).value();
    EXPECT_EQ(kernel::begin_connect(fd->get(), to, {}).error, 0);
    pollfd one{fd->get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&one, 1, kPatience), 1);
    return *std::move(fd);
  }

  /// Of those who asked at any door.
  CpeCounts counts() const {
    CpeCounts out;
    for (const auto& at : served_doors_) out += at->counts().tried;
    return out;
  }

  LocalCounts local_counts(std::size_t door) const { return served_doors_[door]->counts(); }

 private:
  void open(const LocalDoorSettings& entry) {
    auto& door = *doors_.emplace_back(std::make_unique<LocalDoor>(entry));
    served_doors_.push_back(std::make_unique<Served<LocalPlane>>(
        entry.listen, kernel::ListenerOptions{.congestion = "cubic"},
        [this, &door](relay::Reactor& reactor, bool) {
          return std::make_unique<LocalPlane>(reactor, settings_, *shared_, names_, door, nullptr);
        }));
  }

  NameResolver names_{[](const std::string& name) {
    NameResolver::Answer out;
    if (name == "server.example") out.addresses = {kServer.address};
    out.may_come = name == "later.example";
    return out;
  }};
  std::vector<std::unique_ptr<LocalDoor>> doors_;
  std::vector<std::unique_ptr<Served<LocalPlane>>> served_doors_;
};

TEST_F(LocalProxy, ANameGoesToTheConverterAsAnAddress) {
  const auto program = call("127.0.0.1:1080");
  say(program.get(), kGreeting);
  EXPECT_EQ(read_from(program.get(), 2), kMethod);
  say(program.get(), socks_request(socks_name("server.example"), 80));
  const auto converter = asked();
  EXPECT_EQ(read_from(converter.get(), kConnect.size()), kConnect);
  say(converter.get(), kYes + "220 hello");
  EXPECT_EQ(read_from(program.get(), 19), socks_reply(0) + "220 hello");
  say(program.get(), "EHLO");
  EXPECT_EQ(read_from(converter.get(), 4), "EHLO");
  EXPECT_EQ(counts().outcomes["converted"], 1u);
}

TEST_F(LocalProxy, WhatFollowsAnHttpRequestIsTheServers) {
  const auto program = call("127.0.0.1:8080");
  say(program.get(), http_request("198.18.0.1:80") + "early");
  const auto converter = asked();
  EXPECT_EQ(read_from(converter.get(), kConnect.size() + 5), kConnect + "early");
  say(converter.get(), kYes + "late");
  const auto answer = "HTTP/1.1 200 Connection established\r\n\r\nlate"s;
  EXPECT_EQ(read_from(program.get(), answer.size()), answer);
}

TEST_F(LocalProxy, ErrorsOfTheConverterAreToldInTheProgramsWords) {
  for (const auto& [said, reply] :
       {std::pair{error(96), 5}, {error(97, 0), 3}, {error(97, 1), 4}, {error(65), 4}}) {
    const auto program = call("127.0.0.1:1080");
    say(program.get(), kGreeting + socks_request("\x01\xc6\x12\x00\x01"s, 80));
    const auto converter = asked();
    say(converter.get(), said);
    EXPECT_EQ(read_from(program.get()), kMethod + socks_reply(static_cast<char>(reply)));
  }
}

TEST_F(LocalProxy, WithoutAConverterTheServerIsConnectedDirectly) {
  converter_.reset();
  const auto program = call("127.0.0.1:8080");
  say(program.get(), http_request("server.example:80"));
  // There is no way to it here: but it was tried, as the converter was not.
  EXPECT_EQ(read_from(program.get()).substr(0, 12), "HTTP/1.1 504");
  EXPECT_EQ(counts().direct["no-converter"], 1u);
}

TEST_F(LocalProxy, NamesWithoutAnAddressAreNotConnected) {
  for (const auto& [name, status] :
       {std::pair{"nobody.example", "502"}, {"later.example", "504"}}) {
    const auto program = call("127.0.0.1:8080");
    say(program.get(), http_request(name + ":80"s));
    EXPECT_EQ(read_from(program.get()).substr(9, 3), status) << name;
  }
}

TEST_F(LocalProxy, ARuleRejectsInWords) {
  const auto program = call("127.0.0.1:1080");
  say(program.get(), kGreeting + socks_request(socks_name("server.example"), 25));
  EXPECT_EQ(read_from(program.get()), kMethod + socks_reply(2));
  EXPECT_EQ(counts().rules["mail"], 1u);
  EXPECT_EQ(local_counts(0).outcomes["rule"], 1u);
}

TEST_F(LocalProxy, AreNoWayToThisMachineItself) {
  for (const auto* where : {"127.0.0.1:80", "192.0.2.7:80"}) {
    const auto program = call("127.0.0.1:8080");
    say(program.get(), http_request(where));
    EXPECT_EQ(read_from(program.get()).substr(9, 3), "403") << where;
  }
}

TEST_F(LocalProxy, ServeWhomTheyAreFor) {
  const auto stranger = call("192.0.2.7:1080");
  EXPECT_EQ(read_from(stranger.get()), "reset");
  EXPECT_EQ(local_counts(2).outcomes["client"], 1u);
}

TEST_F(LocalProxy, OneClientHasNoMoreThanItsShare) {
  const auto first = call("127.0.0.1:1080");
  const auto second = call("127.0.0.1:1080");
  const auto third = call("127.0.0.1:1080");
  EXPECT_EQ(read_from(third.get()), "reset");
  EXPECT_EQ(local_counts(0).outcomes["limit"], 1u);
  say(second.get(), kGreeting);
  EXPECT_EQ(read_from(second.get(), 2), kMethod);
}

TEST_F(LocalProxy, AShareIsFreeAgainWhenAConnectionIsOver) {
  for (int i = 0; i < 4; ++i) {
    const auto program = call("127.0.0.1:1080");
    say(program.get(), kGreeting + socks_request(socks_name("nobody.example"), 80));
    EXPECT_EQ(read_from(program.get()), kMethod + socks_reply(4)) << i;
  }
}

}  // namespace
}  // namespace anabranch::proxy
