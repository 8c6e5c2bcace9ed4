// SPDX-License-Identifier: MIT
// Both ends of the control channel over loopback, in one loop: what servers say reaches balancers,
// what balancers say reaches servers, and both find each other again.
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <list>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "balancer/control_link.hpp"
#include "balancer/control_listener.hpp"
#include "balancer/control_report.hpp"
#include "kernel/stream_socket.hpp"

namespace anabranch::balancer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace fs = std::filesystem;

/// Far more than anything takes; a loaded machine may be slow.
constexpr seconds kDeadline{60};
const Endpoint kLoopback{IpAddress::v4(0x7f000001), 0};
const Endpoint kService{*IpAddress::parse("198.51.100.10"), 443};

Server server(std::string name, std::uint16_t id) {
  Server out;
  out.name = std::move(name);
  out.id = id;
  return out;
}

class ControlChannel : public ::testing::Test {
 protected:
  /// What a balancer has been told.
  struct Told {
    std::map<std::uint16_t, std::set<std::uint32_t>> tokens;
    std::map<std::uint16_t, ServerState> states;
    std::vector<std::pair<std::uint16_t, bool>> presence;
    std::uint64_t learned = 0;
    std::uint64_t gone = 0;
  };
  /// What a server has been told.
  struct Heard {
    std::vector<History> histories;
    std::vector<bool> presence;
  };

  ControlChannel() {
    std::string pattern = (fs::temp_directory_path() / "anabranch-control-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    write_key("key", 'k');
    servers_ = {server("a", 1), server("b", 2)};
  }
  ~ControlChannel() override { fs::remove_all(directory_); }

  fs::path write_key(std::string_view name, char letter) const {
    const auto file = directory_ / name;
    std::ofstream(file) << std::string(32, letter);
    fs::permissions(file, fs::perms(0600));
    return file;
  }

  ControlSettings at(std::vector<Endpoint> endpoints) const {
    return {.listen = std::move(endpoints), .key_file = directory_ / "key"};
  }

  ControlListener listen(Told& told, const Endpoint& endpoint = kLoopback,
                         const ControlListener::Limits& limits = {}) {
    auto out = ControlListener::open(
        loop_, at({endpoint}), servers_,
        {.tokens =
             [&told](auto server, auto learned, auto gone) {
               told.tokens[server].insert(learned.begin(), learned.end());
               for (const auto token : gone) told.tokens[server].erase(token);
               told.learned += learned.size();
               told.gone += gone.size();
             },
         .presence = [&told](
                         auto server,
                         bool is_connected) { told.presence.emplace_back(server, is_connected); },
         .state = [&told](auto server, const auto& state) { told.states[server] = state; }},
        limits);
    EXPECT_TRUE(out) << out.error().text();
    return *std::move(out);
  }

  ControlLink link(std::vector<Endpoint> balancers, Heard& heard, const Server& self) {
    return link(at(std::move(balancers)), heard, self);
  }
  ControlLink link(const ControlSettings& settings, Heard& heard, const Server& self) {
    auto out = ControlLink::open(
        loop_, settings, {.id = self.id, .name = self.name},
        {.history = [&heard](const auto&,
                             const auto& history) { heard.histories.push_back(history); },
         .presence = [&heard](const auto&, bool is) { heard.presence.push_back(is); }});
    EXPECT_TRUE(out) << out.error().text();
    return *std::move(out);
  }

  /// Runs the loop until `holds`, which is looked at every few milliseconds.
  template <class Condition>
  bool until(Condition holds, nanoseconds within = kDeadline) {
    bool has_held = false;
    Loop::Handle timer;
    const auto end = MonotonicClock::now() + within;
    std::function<void()> look = [&] {
      has_held = holds();
      if (has_held || MonotonicClock::now() >= end) return loop_.stop();
      timer = loop_.after(milliseconds(2), look);
    };
    timer = loop_.after(nanoseconds(0), look);
    loop_.run();
    return has_held;
  }

  Loop loop_;
  fs::path directory_;
  std::vector<Server> servers_;
};

UniqueFd raw_connection(const Endpoint& to) {
  UniqueFd out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = to.address.to_sockaddr(to.port, address);
  EXPECT_EQ(::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  return out;
}

TEST_F(ControlChannel, TokensAndStateOfServersReachTheBalancer) {
  Told told;
  Heard heard;
  auto listener = listen(told);
  auto a = link(listener.endpoints(), heard, servers_[0]);
  auto b = link(listener.endpoints(), heard, servers_[1]);
  a.tell_tokens(std::vector<std::uint32_t>{1, 2, 3}, {});
  ASSERT_TRUE(until([&] { return told.tokens[1].size() == 3; }));
  a.tell_tokens(std::vector<std::uint32_t>{4, 5}, std::vector<std::uint32_t>{1, 5});
  b.tell_tokens(std::vector<std::uint32_t>{7}, {});
  b.tell_state({.connections = 9, .serving = false});
  ASSERT_TRUE(until([&] { return told.states.contains(2) && told.tokens[1].contains(4); }));
  EXPECT_THAT(told.tokens[1], ElementsAre(2, 3, 4));
  EXPECT_THAT(told.tokens[2], ElementsAre(7));
  EXPECT_EQ(told.states[2], (ServerState{.connections = 9, .serving = false}));
  const auto known = listener.servers();
  EXPECT_TRUE(known.at(1).is_connected);
  EXPECT_EQ(known.at(1).tokens, 3u);
  EXPECT_EQ(known.at(2).name, "b");
  EXPECT_EQ(known.at(2).state.connections, 9u);
  EXPECT_EQ(listener.counts().connections, 2u);
  const auto shown = control_text(control_json(listener));
  EXPECT_THAT(shown, HasSubstr("control channel on " + listener.endpoints().front().text()));
  EXPECT_THAT(shown, HasSubstr("9 connections, wants no new ones, 1 tokens"));
}

TEST_F(ControlChannel, AfterAReconnectOnlyTheDifferenceIsNews) {
  Told told;
  Heard heard;
  auto listener = listen(told);
  {
    auto former = link(listener.endpoints(), heard, servers_[0]);
    former.tell_tokens(std::vector<std::uint32_t>{1, 2, 3}, {});
    ASSERT_TRUE(until([&] { return told.tokens[1].size() == 3; }));
  }
  ASSERT_TRUE(until([&] { return !listener.servers().at(1).is_connected; }));
  EXPECT_THAT(told.tokens[1], SizeIs(3)) << "connections live on without the channel";
  auto link_again = link(listener.endpoints(), heard, servers_[0]);
  link_again.tell_tokens(std::vector<std::uint32_t>{2, 3, 4}, {});
  ASSERT_TRUE(until([&] { return told.tokens[1].contains(4); }));
  EXPECT_THAT(told.tokens[1], ElementsAre(2, 3, 4));
  EXPECT_EQ(told.learned, 4u);
  EXPECT_EQ(told.gone, 1u);
  EXPECT_THAT(told.presence,
              ElementsAre(std::pair(1, true), std::pair(1, false), std::pair(1, true)));
}

TEST_F(ControlChannel, ABalancerThatComesBackIsToldEverything) {
  Heard heard;
  Endpoint address;
  std::optional<ControlLink> server;
  {
    Told told;
    auto listener = listen(told);
    address = listener.endpoints().front();
    server = link({address}, heard, servers_[0]);
    server->tell_tokens(std::vector<std::uint32_t>{1, 2, 3}, {});
    ASSERT_TRUE(until([&] { return told.tokens[1].size() == 3; }));
  }
  ASSERT_TRUE(until([&] { return !server->balancers().front().is_connected; }));
  server->tell_tokens(std::vector<std::uint32_t>{4}, std::vector<std::uint32_t>{1});
  server->tell_state({.connections = 3});
  Told told;
  auto listener = listen(told, address);
  ASSERT_TRUE(until([&] { return told.states.contains(1); }));
  EXPECT_THAT(told.tokens[1], ElementsAre(2, 3, 4));
  EXPECT_EQ(server->balancers().front().trouble, "");
  EXPECT_THAT(heard.presence, ElementsAre(true, false, true));
}

TEST_F(ControlChannel, EveryBalancerIsTold) {
  Told first;
  Told second;
  Heard heard;
  auto one = listen(first);
  auto two = listen(second);
  // The third is not there.
  const Endpoint nobody{IpAddress::v4(0x7f000001), 1};
  auto server =
      link({one.endpoints().front(), nobody, two.endpoints().front()}, heard, servers_[0]);
  server.tell_tokens(std::vector<std::uint32_t>{5}, {});
  ASSERT_TRUE(until([&] { return first.tokens[1].contains(5) && second.tokens[1].contains(5); }));
  ASSERT_TRUE(until([&] { return server.balancers()[1].trouble != ""; }));
  EXPECT_THAT(server.balancers()[1].trouble, HasSubstr("refused"));
  EXPECT_TRUE(server.balancers()[0].is_connected);
  EXPECT_TRUE(server.balancers()[2].is_connected);
}

TEST_F(ControlChannel, ABalancerListensOnTheAddressesThatAreItsOwn) {
  const Endpoint elsewhere{*IpAddress::parse("192.0.2.77"), 7443};
  const auto both = ControlListener::open(loop_, at({elsewhere, kLoopback}), servers_, {});
  ASSERT_TRUE(both) << both.error().text();
  EXPECT_THAT(both->endpoints(), SizeIs(1));
  const auto none = ControlListener::open(loop_, at({elsewhere}), servers_, {});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text(), HasSubstr("no address of [control] listen"));
  const auto taken = ControlListener::open(loop_, at(both->endpoints()), servers_, {});
  ASSERT_FALSE(taken) << "two processes do not share it";
  EXPECT_THAT(taken.error().text(), HasSubstr("in use"));
}

TEST_F(ControlChannel, ServersHearWhoHadAPlaceBefore) {
  Told told;
  Heard early;
  Heard late;
  auto listener = listen(told);
  auto a = link(listener.endpoints(), early, servers_[0]);
  ASSERT_TRUE(until([&] { return told.presence.size() == 1; }));
  listener.publish({{kService, 0}}, {{0, {1, 1, 2, 2}}});
  listener.publish({{kService, 0}}, {{0, {1, 2, 2, 1}}});
  ASSERT_TRUE(until([&] { return !early.histories.empty(); }));
  ASSERT_THAT(early.histories, SizeIs(1));
  EXPECT_EQ(early.histories[0].service, kService);
  EXPECT_FALSE(early.histories[0].full);
  EXPECT_THAT(early.histories[0].runs,
              ElementsAre(wire::OwnerRun{.place = 3, .count = 1, .owner = 1, .previous = 2},
                          wire::OwnerRun{.place = 1, .count = 1, .owner = 2, .previous = 1}));
  auto b = link(listener.endpoints(), late, servers_[1]);
  ASSERT_TRUE(until([&] { return !late.histories.empty(); }));
  ASSERT_THAT(late.histories[0].runs, SizeIs(2));
  EXPECT_LT(late.histories[0].runs[0].age, 60'000u);
}

TEST_F(ControlChannel, ABalancerHearsWhichServersKnowTheHistory) {
  Told told;
  auto balancer = listen(told);
  Heard heard;
  const auto a = link(balancer.endpoints(), heard, servers_[0]);
  ASSERT_TRUE(until([&] { return balancer.servers().at(1).is_connected; }));
  std::vector<std::uint16_t> ring(wire::kControlPlaces, 1);
  balancer.publish({{kService, 0}}, {{0, ring}});
  EXPECT_TRUE(balancer.has_taken(1)) << "nobody had a place before";
  ring[7] = 2;
  balancer.publish({{kService, 0}}, {{0, ring}});
  EXPECT_FALSE(balancer.has_taken(1));
  EXPECT_TRUE(balancer.has_taken(2)) << "it is not connected";
  ASSERT_TRUE(until([&] { return balancer.has_taken(1); }));
  EXPECT_THAT(heard.histories, SizeIs(1));
  // One that comes later is told on its own, and counts from its own beginning.
  const auto b = link(balancer.endpoints(), heard, servers_[1]);
  ASSERT_TRUE(
      until([&] { return balancer.servers().at(2).is_connected && balancer.has_taken(2); }));
  ASSERT_TRUE(until([&] { return heard.histories.size() == 2; }));
  ring[8] = 2;
  balancer.publish({{kService, 0}}, {{0, ring}});
  EXPECT_FALSE(balancer.has_taken(1));
  EXPECT_FALSE(balancer.has_taken(2));
  ASSERT_TRUE(until([&] { return balancer.has_taken(1) && balancer.has_taken(2); }));
}

TEST_F(ControlChannel, ANewcomerIsWaitedForAndComesSoon) {
  Told told;
  auto balancer = listen(told);
  balancer.publish({{kService, 0}}, {{0, {1, 1}}});
  Heard heard;
  const auto c = link(balancer.endpoints(), heard, server("c", 3));
  ASSERT_TRUE(until([&] { return balancer.counts().refused > 4; })) << "it is to come back soon";
  EXPECT_FALSE(balancer.set_servers(servers_));
  servers_.push_back(server("c", 3));
  EXPECT_TRUE(balancer.set_servers(servers_));
  balancer.publish({{kService, 0}}, {{0, {1, 3}}});
  EXPECT_FALSE(balancer.has_taken(3));
  ASSERT_TRUE(until([&] { return balancer.has_taken(3); }, ControlListener::kNewcomer));
  EXPECT_TRUE(balancer.servers().at(3).is_connected);
  EXPECT_THAT(heard.histories, SizeIs(1));
  servers_.push_back(server("d", 4));
  EXPECT_TRUE(balancer.set_servers(servers_));
  ASSERT_TRUE(until([&] { return balancer.has_taken(4); })) << "it is not waited for forever";
}

TEST_F(ControlChannel, AHistoryOfManyFramesArrivesWhole) {
  Told told;
  Heard heard;
  auto listener = listen(told);
  auto a = link(listener.endpoints(), heard, servers_[0]);
  ASSERT_TRUE(until([&] { return !told.presence.empty(); }));
  // Every place moves, neighbours to different servers: more than a frame holds.
  std::vector<std::uint16_t> ring(wire::kControlPlaces, 9);
  listener.publish({{kService, 0}}, {{0, ring}});
  for (std::size_t place = 0; place < ring.size(); ++place)
    ring[place] = static_cast<std::uint16_t>(1 + place % 5);
  listener.publish({{kService, 0}}, {{0, ring}});
  ASSERT_TRUE(until([&] { return !heard.histories.empty(); }));
  ASSERT_THAT(heard.histories, SizeIs(1));
  ASSERT_THAT(heard.histories[0].runs, SizeIs(wire::kControlPlaces));
  for (const auto& run : heard.histories[0].runs) ASSERT_EQ(run.owner, 1 + run.place % 5);
}

TEST_F(ControlChannel, AServerThatTheBalancerDoesNotKnowIsToldSo) {
  Told told;
  Heard heard;
  auto listener = listen(told);
  auto stranger = link(listener.endpoints(), heard, server("c", 3));
  ASSERT_TRUE(until([&] { return stranger.balancers().front().trouble != ""; }));
  EXPECT_THAT(stranger.balancers().front().trouble, HasSubstr("no server with id 3"));
  EXPECT_GE(listener.counts().refused, 1u);
  // Once it is in the configuration it comes in by itself.
  servers_.push_back(server("c", 3));
  listener.set_servers(servers_);
  ASSERT_TRUE(until([&] { return stranger.balancers().front().is_connected; }));
  // And out again.
  servers_.pop_back();
  listener.set_servers(servers_);
  ASSERT_TRUE(until([&] { return !stranger.balancers().front().is_connected; }));
}

TEST_F(ControlChannel, AServerWithAnotherKeyIsKeptOut) {
  Told told;
  Heard heard;
  auto listener = listen(told);
  auto settings = at(listener.endpoints());
  settings.key_file = write_key("other", 'o');
  auto stranger = link(settings, heard, servers_[0]);
  ASSERT_TRUE(until([&] { return listener.counts().bad_macs > 0; }));
  EXPECT_THAT(told.presence, IsEmpty());
  EXPECT_FALSE(stranger.balancers().front().is_connected);
}

TEST_F(ControlChannel, AServerThatConnectsAgainReplacesItsFormerConnection) {
  Told told;
  Heard heard;
  Heard again;
  auto listener = listen(told);
  auto former = link(listener.endpoints(), heard, servers_[0]);
  ASSERT_TRUE(until([&] { return !heard.presence.empty(); }));
  auto present = link(listener.endpoints(), again, servers_[0]);
  ASSERT_TRUE(until([&] { return heard.presence.size() > 1; }));
  EXPECT_FALSE(heard.presence[1]);
  EXPECT_TRUE(listener.servers().at(1).is_connected);
}

TEST_F(ControlChannel, StrangersAreFewAndDoNotKeepServersOut) {
  Told told;
  Heard heard;
  auto listener = listen(told, kLoopback, {.strangers = 4});
  std::vector<UniqueFd> strangers;
  for (int i = 0; i < 20; ++i) strangers.push_back(raw_connection(listener.endpoints().front()));
  ASSERT_TRUE(until([&] { return listener.counts().crowded_out == 16; }));
  auto a = link(listener.endpoints(), heard, servers_[0]);
  ASSERT_TRUE(until([&] { return listener.servers().at(1).is_connected; }));
  // What says nothing goes by itself.
  ASSERT_TRUE(until([&] { return listener.counts().timeouts >= 3; }));
  ASSERT_TRUE(until([&] { return listener.servers().at(1).is_connected; }));
}

TEST_F(ControlChannel, WhoTalksNonsenseIsCutOff) {
  Told told;
  auto listener = listen(told);
  const auto browser = raw_connection(listener.endpoints().front());
  ASSERT_EQ(::send(browser.get(), "GET / HTTP/1.1\r\n", 16, MSG_NOSIGNAL), 16);
  ASSERT_TRUE(until([&] { return listener.counts().malformed == 1; }));
  char octet = 0;
  EXPECT_LE(::recv(browser.get(), &octet, 1, 0), 0);
}

/// Stands between both and can fall silent without ending a connection, as a machine does that
/// loses its power.
class Middle {
 public:
  Middle(Loop& loop, const Endpoint& to) : loop_(loop), to_(to) {
    listener_ = *kernel::listen_on(kLoopback, {});
    watch_ = loop_.on_readable(listener_.get(), [this] { accept(); });
  }
  Endpoint endpoint() const { return *kernel::own_endpoint(listener_.get()); }
  void fall_silent() {
    watch_.reset();
    for (auto& way : ways_) way.watch.reset();
  }

 private:
  struct Way {
    UniqueFd from;
    Loop::Handle watch;
  };

  void accept() {
    auto accepted = kernel::accept_from(listener_.get());
    if (!accepted.fd) return;
    auto other = raw_connection(to_);
    const int a = accepted.fd.get();
    const int b = other.get();
    carry(std::move(accepted.fd), b);
    carry(std::move(other), a);
  }
  void carry(UniqueFd from, int to) {
    auto& way = ways_.emplace_back();
    way.from = std::move(from);
    way.watch = loop_.on_readable(way.from.get(), [&way, to] {
      char buffer[4096];
      const auto got = ::recv(way.from.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0)
        static_cast<void>(::send(to, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL));
      if (got == 0) way.watch.reset();
    });
  }

  Loop& loop_;
  Endpoint to_;
  UniqueFd listener_;
  Loop::Handle watch_;
  std::list<Way> ways_;
};

TEST_F(ControlChannel, APeerThatVanishesWithoutAWordIsNoticedByBoth) {
  Told told;
  Heard heard;
  auto listener = listen(told);
  Middle middle(loop_, listener.endpoints().front());
  auto a = link({middle.endpoint()}, heard, servers_[0]);
  ASSERT_TRUE(until([&] { return listener.servers().at(1).is_connected; }));
  const auto silence = MonotonicClock::now();
  middle.fall_silent();
  ASSERT_TRUE(until([&] {
    return !listener.servers().at(1).is_connected && !a.balancers().front().is_connected;
  }));
  EXPECT_GE(MonotonicClock::now() - silence, seconds(6)) << "not for a short pause";
  EXPECT_EQ(listener.counts().timeouts, 1u);
  EXPECT_THAT(a.balancers().front().trouble, HasSubstr("silent"));
}

TEST_F(ControlChannel, TwoHundredThousandTokensAreToldAtOnce) {
  constexpr std::uint32_t kMany = 200'000;
  Told told;
  Heard heard;
  std::size_t known = 0;
  std::size_t news = 0;
  auto listener = ControlListener::open(loop_, at({kLoopback}), servers_,
                                        {.tokens =
                                             [&](auto, auto learned, auto gone) {
                                               known += learned.size() - gone.size();
                                               news += learned.size() + gone.size();
                                             },
                                         .presence = {},
                                         .state = {}});
  ASSERT_TRUE(listener);
  auto a = link(listener->endpoints(), heard, servers_[0]);
  ASSERT_TRUE(until([&] { return listener->servers().at(1).is_connected; }));
  std::vector<std::uint32_t> tokens(kMany);
  for (std::uint32_t i = 0; i < kMany; ++i) tokens[i] = i * 2'654'435'761u;
  const auto begin = MonotonicClock::now();
  const auto work = std::clock();
  a.tell_tokens(tokens, {});
  ASSERT_TRUE(until([&] { return known == kMany; }));
  const std::chrono::duration<double> took = MonotonicClock::now() - begin;
  const double processor = static_cast<double>(std::clock() - work) / CLOCKS_PER_SEC;
  std::cout << "[          ] " << static_cast<long>(kMany / took.count()) << " tokens a second, "
            << static_cast<long>(kMany / processor) << " a second of both ends' processor time\n";
  // All of them go and others come, ten times: no more is kept than lives.
  for (std::uint32_t round = 1; round <= 10; ++round) {
    const auto former = tokens;
    for (auto& token : tokens) token ^= round * 0x10001u;
    a.tell_tokens({}, former);
    a.tell_tokens(tokens, {});
    ASSERT_TRUE(until([&] { return news == kMany * (1 + 2 * std::size_t{round}); }));
    ASSERT_EQ(listener->servers().at(1).tokens, kMany);
  }
  a.tell_tokens({}, tokens);
  ASSERT_TRUE(until([&] { return known == 0; }));
  EXPECT_EQ(listener->counts().slow, 0u);
}

TEST_F(ControlChannel, TokensOverTheLimitAreLeftOutAndCounted) {
  Told told;
  Heard heard;
  auto listener = listen(told, kLoopback, {.tokens = 5});
  auto a = link(listener.endpoints(), heard, servers_[0]);
  a.tell_tokens(std::vector<std::uint32_t>{1, 2, 3, 4}, {});
  ASSERT_TRUE(until([&] { return told.tokens[1].size() == 4; }));
  auto b = link(listener.endpoints(), heard, servers_[1]);
  b.tell_tokens(std::vector<std::uint32_t>{1, 2, 3}, {});
  ASSERT_TRUE(until([&] { return listener.counts().refused_tokens == 2; }));
  EXPECT_THAT(told.tokens[2], SizeIs(1));
}

}  // namespace
}  // namespace anabranch::balancer
