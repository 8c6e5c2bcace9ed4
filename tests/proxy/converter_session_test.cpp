// SPDX-License-Identifier: MIT
// A converter as its clients see it, in a network namespace of its own: client 192.0.2.7, converter
// 198.18.9.9:5124, server 198.18.0.1.
#include "proxy/converter_session.hpp"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "base/directories.hpp"
#include "proxy/converter_plane.hpp"
#include "proxy_network.hpp"

namespace anabranch::proxy {
namespace {

using namespace test;
using kernel::Transport;

std::string read_all(int fd) {
  std::string out;
  std::string buffer(1 << 18, '\0');
  while (readable(fd)) {
    const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return got == 0 ? out : out + "reset";
    out.append(buffer, 0, static_cast<std::size_t>(got));
  }
  return out + "silence";
}

void send_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    pollfd one{fd, POLLOUT, 0};
    ASSERT_EQ(::poll(&one, 1, kPatience), 1);
    const auto sent = ::send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (sent > 0) done += static_cast<std::size_t>(sent);
  }
  ::shutdown(fd, SHUT_WR);
}

class Converter : public ProxyNetwork {
 protected:
  void serve(const std::string& more = {}) {
    auto parsed = parse_converter_settings("[clients]\nallow = [\"192.0.2.0/24\"]\n" + more, "t");
    ASSERT_TRUE(parsed) << parsed.error().text();
    const auto settings = std::make_shared<const ConverterSettings>(*parsed);
    memory_.set(settings->limits.memory);
    clients_ = std::make_unique<ClientTable>(settings->limits.of_clients(), &memory_);
    shared_ = std::make_unique<ConverterShared>(ConverterShared{
        .clients = *clients_, .supported = {30}, .mappings = mappings_.get(), .memory = &memory_});
    served_ = std::make_unique<Served<ConverterPlane>>(
        kConverter,
        kernel::ListenerOptions{
            .transport = Transport::kMptcp, .congestion = "cubic", .fast_open = true},
        [=, this](relay::Reactor& reactor, bool) {
          return std::make_unique<ConverterPlane>(reactor, settings, *shared_);
        });
  }

  static UniqueFd listen_as_server() {
    auto out = kernel::listen_on(kServer, {.congestion = "cubic"});
    EXPECT_TRUE(out);
    return out ? *std::move(out) : UniqueFd();
  }

  /// A connection to the converter whose SYN carries `octets`.
  static UniqueFd ask(const std::string& octets) {
    auto fd = kernel::open_stream_socket(Family::kIpv4, Transport::kMptcp);
    EXPECT_TRUE(fd && kernel::connect_as(fd->get(), IpAddress::parse("192.0.2.7").value()));
    const auto begun = kernel::begin_connect(
        fd->get(), kConverter,
        {reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()});
    EXPECT_EQ(begun.error, 0);
    EXPECT_EQ(begun.taken, octets.size());
    return *std::move(fd);
  }

  ConverterCounts counts() const { return served_->counts(); }

  std::unique_ptr<MappingLog> mappings_;
  MemoryBudget memory_;
  std::unique_ptr<ClientTable> clients_;
  std::unique_ptr<ConverterShared> shared_;
  std::unique_ptr<Served<ConverterPlane>> served_;
};

TEST_F(Converter, ConnectsWhatTheSynAsksForAndCarriesBothWays) {
  serve();
  const auto server = listen_as_server();
  const auto client = ask(kConnect + "hello");
  ASSERT_TRUE(readable(server.get()));
  const auto accepted = kernel::accept_from(server.get());
  EXPECT_EQ(read_from(accepted.fd.get(), 5), "hello");
  ASSERT_EQ(::send(accepted.fd.get(), "world", 5, 0), 5);
  EXPECT_EQ(read_from(client.get(), 9), kYes + "world");
  EXPECT_TRUE(kernel::is_mptcp(client.get()));
  EXPECT_TRUE(kernel::stream_state(client.get()).syn_data_taken);
  EXPECT_FALSE(kernel::is_mptcp_socket(accepted.fd.get()));
  EXPECT_EQ(counts().mptcp, 1u);
}

TEST_F(Converter, CarriesEveryOctetBothWaysAtOnce) {
  serve();
  const auto server = listen_as_server();
  std::string up(8'000'000, '\0');
  for (std::size_t i = 0; i < up.size(); ++i) up[i] = static_cast<char>(i * i >> 8);
  const std::string down(up.rbegin(), up.rend());
  const auto client = ask(kConnect);
  ASSERT_TRUE(readable(server.get()));
  const auto accepted = kernel::accept_from(server.get());
  const auto began = std::chrono::steady_clock::now();
  std::string got_up;
  std::string got_down;
  {
    const std::jthread a([&] { send_all(client.get(), up); });
    const std::jthread b([&] { send_all(accepted.fd.get(), down); });
    const std::jthread c([&] { got_up = read_all(accepted.fd.get()); });
    got_down = read_all(client.get());
  }
  EXPECT_TRUE(got_up == up) << got_up.size() << " octets";
  EXPECT_TRUE(got_down == kYes + down) << got_down.size() << " octets";
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

// What is written to an MPTCP socket that was accepted out of a SYN with data, before the third
// ACK, is never sent. Here the third ACK and all that follow are lost for a while, and the server
// speaks first.
TEST_F(Converter, AnswersAlsoWhenTheServerIsFasterThanTheThirdAck) {
  serve();
  const auto server = listen_as_server();
  lose_third_acks();
  const auto client = ask(kConnect);
  ASSERT_TRUE(readable(server.get()));
  const auto accepted = kernel::accept_from(server.get());
  ASSERT_EQ(::send(accepted.fd.get(), "220 hello", 9, 0), 9);
  // The converter would have answered long since.
  EXPECT_FALSE(readable(client.get(), 100));
  lose_nothing();
  EXPECT_EQ(read_from(client.get(), 13), kYes + "220 hello");
}

TEST_F(Converter, TellsThatTheServerRefuses) {
  serve();
  const auto client = ask(kConnect);
  EXPECT_EQ(read_from(client.get()), error(96));
  EXPECT_EQ(counts().outcomes["refused"], 1u);
}

TEST_F(Converter, TellsTheCodeOfAnIcmpError) {
  serve();
  ASSERT_TRUE(kernel::apply_nft(
      "table inet no { chain out { type filter hook output priority 0; policy accept;"
      " ip daddr 198.18.0.1 tcp dport 80 reject with icmp type admin-prohibited; }; }"));
  EXPECT_EQ(read_from(ask(kConnect).get()), error(97, 13));
}

TEST_F(Converter, TellsThatAServerIsSilent) {
  serve("[limits]\nsetup = \"200ms\"\n");
  ASSERT_TRUE(kernel::apply_nft(
      "table inet no { chain in { type filter hook input priority 0; policy accept;"
      " ip daddr 198.18.0.1 tcp dport 80 drop; }; }"));
  EXPECT_EQ(read_from(ask(kConnect).get()), error(65));
}

// The client goes before its third ACK has come: nothing was answered yet.
TEST_F(Converter, AClientThatGoesTakesAServerThatHasAnsweredAlong) {
  serve();
  ASSERT_TRUE(kernel::apply_nft(
      "table inet late { chain out { type filter hook output priority 0; policy accept;"
      " ip daddr 198.18.9.9 tcp dport 5124 tcp flags == ack drop; }; }"));
  const auto server = listen_as_server();
  auto client = ask(kConnect);
  ASSERT_TRUE(readable(server.get()));
  const auto accepted = kernel::accept_from(server.get());
  EXPECT_FALSE(readable(accepted.fd.get(), 100));
  kernel::let_close_reset(client.get());
  client.reset();
  EXPECT_EQ(read_from(accepted.fd.get()), "reset");
  // The server's kernel may be sooner than the converter with its count.
  for (int i = 0; i < 500 && counts().outcomes["client-gone"] == 0; ++i) ::poll(nullptr, 0, 10);
  EXPECT_EQ(counts().outcomes["client-gone"], 1u);
}

TEST_F(Converter, IsNoWayIntoPrivateNetworks) {
  serve();
  auto connect = kConnect;
  connect.replace(20, 4, "\x0a\x00\x00\x01"s);
  EXPECT_EQ(read_from(ask(connect).get()), error(32));
  EXPECT_EQ(counts().outcomes["destination"], 1u);
}

TEST_F(Converter, ConnectsNothingForStrangers) {
  serve();
  const auto server = listen_as_server();
  auto fd = kernel::open_stream_socket(Family::kIpv4, Transport::kMptcp);
  ASSERT_TRUE(fd && kernel::connect_as(fd->get(), IpAddress::parse("198.18.0.1").value()));
  kernel::begin_connect(fd->get(), kConverter,
                        {reinterpret_cast<const std::uint8_t*>(kConnect.data()), kConnect.size()});
  EXPECT_EQ(read_from(fd->get()), error(32));
  EXPECT_FALSE(readable(server.get(), 50));
}

TEST_F(Converter, SaysNothingToWhatIsNotConvert) {
  serve();
  EXPECT_EQ(read_from(ask("GET / HTTP/1.1\r\n\r\n").get()), "reset");
}

TEST_F(Converter, ResetsAClientThatAsksForNothing) {
  serve("[limits]\nsetup = \"100ms\"\n");
  EXPECT_EQ(read_from(ask(kConnect.substr(0, 10)).get()), "reset");
  EXPECT_EQ(counts().outcomes["setup-timeout"], 1u);
}

TEST_F(Converter, HasALimitForEachClient) {
  serve("[limits]\nper_client = 1\n");
  const auto server = listen_as_server();
  const auto first = ask(kConnect);
  EXPECT_EQ(read_from(first.get(), 4), kYes);
  EXPECT_EQ(read_from(ask(kConnect).get()), error(64, 1));
}

// What a server sends waits in the buffers of a client that does not read.
TEST_F(Converter, TakesNobodyOnWhileMemoryIsFullAndAgainAfterwards) {
  serve("[limits]\nmemory = 300000\n");
  const auto server = listen_as_server();
  auto slow = ask(kConnect);
  ASSERT_TRUE(readable(server.get()));
  auto accepted = kernel::accept_from(server.get());
  EXPECT_EQ(read_from(slow.get(), 4), kYes);
  const std::string much(1 << 20, 'x');
  while (::send(accepted.fd.get(), much.data(), much.size(), MSG_NOSIGNAL) > 0) continue;
  const auto eventually = [&](bool reached) {
    for (int i = 0; i < 500 && memory_.reached() != reached; ++i) ::poll(nullptr, 0, 10);
    return memory_.reached() == reached;
  };
  ASSERT_TRUE(eventually(true)) << memory_.used();
  EXPECT_EQ(read_from(ask(kConnect).get()), error(64, 1));
  EXPECT_EQ(counts().outcomes["memory"], 1u);
  slow.reset();
  accepted.fd.reset();
  ASSERT_TRUE(eventually(false)) << memory_.used();
  EXPECT_EQ(read_from(ask(kConnect).get(), 4), kYes);
}

TEST_F(Converter, DoesNotRepeatErrorsWithoutEnd) {
  serve("[limits]\nerrors_per_second = 1\n");
  EXPECT_EQ(read_from(ask(kConnect).get()), error(96));
  EXPECT_EQ(read_from(ask(kConnect).get()), "reset");
  EXPECT_EQ(counts().errors_unsaid, 1u);
}

TEST_F(Converter, SpeaksMptcpToAServerWhenItIsAskedTo) {
  serve();
  auto listener =
      kernel::listen_on(kServer, {.transport = Transport::kMptcp, .congestion = "cubic"});
  ASSERT_TRUE(listener);
  const auto client = ask(kConnectMptcp);
  ASSERT_TRUE(readable(listener->get()));
  const auto accepted = kernel::accept_from(listener->get());
  EXPECT_TRUE(kernel::is_mptcp(accepted.fd.get()));
  // Extended TCP Header with kind 30: the server speaks MPTCP (RFC 8803 section 7.5). And SACK.
  EXPECT_EQ(read_from(client.get(), 12), "\x01\x03\x22\x63\x14\x02\0\0\x1e\x02\x04\x02"s);
}

TEST_F(Converter, TellsAServerThatWantsItWhoTheClientIs) {
  serve(
      "[[rule]]\nname = \"www\"\naction = \"convert\"\nports = [\"80\"]\nproxy_protocol = true\n");
  const auto server = listen_as_server();
  const auto client = ask(kConnect + "GET /");
  ASSERT_TRUE(readable(server.get()));
  const auto accepted = kernel::accept_from(server.get());
  const auto said = read_from(accepted.fd.get(), 33);
  EXPECT_EQ(said.substr(0, 16), "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"s);
  EXPECT_EQ(said.substr(16, 8), "\xc0\x00\x02\x07\xc6\x12\x00\x01"s) << "192.0.2.7 to 198.18.0.1";
  EXPECT_EQ(said.substr(28), "GET /");
  EXPECT_EQ(counts().rules["www"], 1u);
}

TEST_F(Converter, SharesAnAddressAndWritesDownWhoWasBehindIt) {
  const auto file =
      std::filesystem::path(::testing::TempDir()) / ("mappings-" + std::to_string(::getpid()));
  auto log = MappingLog::open(file);
  ASSERT_TRUE(log) << log.error().text();
  mappings_ = *std::move(log);
  serve("[source]\npool = [\"198.18.9.10\"]\n");
  const auto server = listen_as_server();
  {
    const auto client = ask(kConnect);
    ASSERT_TRUE(readable(server.get()));
    const auto accepted = kernel::accept_from(server.get());
    EXPECT_EQ(accepted.peer.address.text(), "198.18.9.10");
    EXPECT_EQ(read_from(client.get(), 4), kYes);
    ASSERT_TRUE(mappings_->flush());
    const auto begun = read_file(file).value();
    EXPECT_EQ(begun.substr(begun.find('Z')), "Z begin " +
                                                 kernel::own_endpoint(client.get())->text() + " " +
                                                 accepted.peer.text() + " 198.18.0.1:80\n");
  }
  for (int i = 0; i < 200 && counts().relays.running != 0; ++i) ::poll(nullptr, 0, 10);
  ASSERT_TRUE(mappings_->flush());
  const auto whole = read_file(file).value();
  EXPECT_NE(whole.find("Z end 192.0.2.7:"), whole.npos) << whole;
  std::filesystem::remove(file);
}

// Servers answer to the client's own address: here that is one of this machine, too.
TEST_F(Converter, KeepsTheClientsAddress) {
  serve("[source]\nmode = \"preservation\"\n");
  const auto server = listen_as_server();
  const auto client = ask(kConnect);
  ASSERT_TRUE(readable(server.get()));
  EXPECT_EQ(kernel::accept_from(server.get()).peer.address.text(), "192.0.2.7");
}

TEST_F(Converter, LosesNothingOverAThousandBadClients) {
  serve("[limits]\nerrors_per_second = 1000000\n");
  for (int i = 0; i < 1000; ++i) {
    auto client = ask(kConnect.substr(0, static_cast<std::size_t>(1 + i % 24)));
    if (i % 3 == 0) kernel::let_close_reset(client.get());
  }
  const auto nothing_left = [&] { return served_->running() == 0 && clients_->connections() == 0; };
  for (int i = 0; i < 500 && !nothing_left(); ++i) ::poll(nullptr, 0, 10);
  EXPECT_TRUE(nothing_left());
}

}  // namespace
}  // namespace anabranch::proxy
