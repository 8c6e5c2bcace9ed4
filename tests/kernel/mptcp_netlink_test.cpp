// SPDX-License-Identifier: MIT
// Events, commands and socket listings against a real connection between two hosts.
#include <optional>

#include <gtest/gtest.h>

#include "kernel/socket_diag.hpp"
#include "support/two_hosts.hpp"

namespace anabranch::kernel {
namespace {

using Type = MptcpEvent::Type;
using test::endpoint;
using test::must;

class MptcpNetlink : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    if (!MptcpCommands::open()) GTEST_SKIP() << "no MPTCP in this kernel";
    hosts_.emplace();
    client_events_.emplace(hosts_->client);
    server_events_.emplace(hosts_->server);
    commands_.emplace(hosts_->client.inside([] { return must(MptcpCommands::open()); }));
    diag_.emplace(hosts_->client.inside([] { return must(SocketDiag::open()); }));
    server_diag_.emplace(hosts_->server.inside([] { return must(SocketDiag::open()); }));
  }

  /// Connects and takes the event of it; later events are those of what the test does.
  void connect() {
    connection_.emplace(*hosts_);
    initial_ = client_events_->take(Type::kEstablished).value();
    server_side_ = server_events_->take(Type::kEstablished).value();
  }
  /// A second subflow over the second link; its event.
  MptcpEvent add_subflow(bool backup = false) {
    const unsigned ifindex =
        hosts_->client.inside([] { return must(must(Rtnetlink::open()).link("link2")).index; });
    must(commands_->create({initial_.token, 7, endpoint("10.77.2.1", 0).address, 0, ifindex,
                            endpoint("10.77.1.2", test::kServerPort), backup}));
    return client_events_->take(Type::kSubflowEstablished).value();
  }
  static SocketDiag::Key key_of(const MptcpEvent& event) {
    return {event.local, event.remote, event.ifindex};
  }

  std::optional<test::TwoHosts> hosts_;
  std::optional<test::EventLog> client_events_;
  std::optional<test::EventLog> server_events_;
  std::optional<MptcpCommands> commands_;
  std::optional<SocketDiag> diag_;
  std::optional<SocketDiag> server_diag_;
  std::optional<test::Connection> connection_;
  MptcpEvent initial_;
  MptcpEvent server_side_;
};

TEST_F(MptcpNetlink, AConnectionIsToldByBothSides) {
  connect();
  EXPECT_FALSE(commands_->is_the_kernels(initial_.token));
  EXPECT_EQ(initial_.remote, endpoint("10.77.1.2", test::kServerPort));
  EXPECT_EQ(initial_.local.address, endpoint("10.77.1.1", 0).address);
  EXPECT_FALSE(initial_.server_side);
  EXPECT_TRUE(server_side_.server_side);
  EXPECT_EQ(server_side_.remote, initial_.local) << "the mapped address is shown as IPv4";
  EXPECT_EQ(server_side_.local, initial_.remote);
  EXPECT_EQ(server_events_->take(Type::kListenerCreated)->local.port, test::kServerPort);

  connection_.reset();
  EXPECT_EQ(client_events_->take(Type::kClosed)->token, initial_.token);
  EXPECT_EQ(server_events_->take(Type::kClosed)->token, server_side_.token);
}

TEST_F(MptcpNetlink, ASubflowIsCreatedFoundAndDestroyed) {
  connect();
  const auto event = add_subflow();
  EXPECT_EQ(event.token, initial_.token);
  EXPECT_EQ(event.local.address, endpoint("10.77.2.1", 0).address);
  EXPECT_EQ(event.local_id, 7);
  EXPECT_NE(event.ifindex, 0U);

  const auto subflow = must(diag_->subflow(key_of(event)));
  ASSERT_TRUE(subflow);
  EXPECT_EQ(subflow->token, initial_.token);
  EXPECT_EQ(subflow->local, event.local);
  EXPECT_EQ(subflow->remote, event.remote);
  EXPECT_EQ(subflow->ifindex, event.ifindex);
  EXPECT_EQ(subflow->local_id, 7);
  EXPECT_FALSE(subflow->initial);
  EXPECT_EQ(subflow->state, 1);
  EXPECT_GT(subflow->rtt.count(), 0);
  EXPECT_GT(subflow->congestion_window, 0U);
  EXPECT_GT(subflow->send_buffer, 0U);
  auto unbound = key_of(event);
  unbound.ifindex = 0;
  EXPECT_FALSE(must(diag_->subflow(unbound))) << "a bound socket is found with its interface only";

  must(commands_->destroy(event.token, event.local, event.remote));
  const auto closed = client_events_->take(Type::kSubflowClosed);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->local, event.local);
  EXPECT_TRUE(test::eventually([&] { return !must(diag_->subflow(key_of(event))); }));
  connection_->exchange(1000);
}

TEST_F(MptcpNetlink, AConnectionIsFoundByItsToken) {
  connect();
  connection_->exchange(5000);
  const auto found = must(diag_->connection(initial_.token));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->token, initial_.token);
  EXPECT_EQ(found->local, initial_.local);
  EXPECT_EQ(found->remote, initial_.remote);
  EXPECT_EQ(found->state, 1);
  EXPECT_FALSE(found->fallback);
  EXPECT_EQ(found->octets_sent, 5001U);
  EXPECT_EQ(found->octets_received, 5001U);
  EXPECT_NE(found->cgroup, 0U);
  EXPECT_FALSE(must(diag_->connection(initial_.token + 1)));

  const auto of_server = must(server_diag_->connection(server_side_.token));
  ASSERT_TRUE(of_server);
  EXPECT_EQ(of_server->remote, initial_.local);
}

TEST_F(MptcpNetlink, AllAreListedWithoutListeners) {
  connect();
  add_subflow();
  const auto connections = must(diag_->connections());
  ASSERT_EQ(connections.size(), 1U);
  EXPECT_EQ(connections[0].token, initial_.token);
  EXPECT_EQ(connections[0].extra_subflows, 1U);
  EXPECT_EQ(must(diag_->subflows()).size(), 2U);
  const auto of_server = must(server_diag_->subflows());
  ASSERT_EQ(of_server.size(), 2U);
  for (const auto& subflow : of_server) {
    EXPECT_EQ(subflow.token, server_side_.token);
    EXPECT_EQ(subflow.initial, subflow.remote == initial_.local);
  }
}

TEST_F(MptcpNetlink, ManyAreAskedForAtOnceAndComeInOrder) {
  connect();
  const auto event = add_subflow();
  const auto nobody = endpoint("10.77.1.1", 1);
  std::vector<SocketDiag::Key> keys;
  std::vector<std::uint32_t> tokens;
  for (int i = 0; i < 100; ++i) {
    keys.push_back(i % 3 == 0   ? key_of(initial_)
                   : i % 3 == 1 ? key_of(event)
                                : SocketDiag::Key{nobody, initial_.remote, 0});
    tokens.push_back(i % 2 == 0 ? initial_.token : initial_.token + 1);
  }
  const auto subflows = must(diag_->subflows(keys));
  const auto connections = must(diag_->connections(tokens));
  ASSERT_EQ(subflows.size(), keys.size());
  ASSERT_EQ(connections.size(), tokens.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(subflows[i].has_value(), i % 3 != 2);
    if (subflows[i]) {
      EXPECT_EQ(subflows[i]->local, keys[i].local);
    }
    EXPECT_EQ(connections[i].has_value(), i % 2 == 0);
  }
  EXPECT_TRUE(must(diag_->subflows({})).empty());
}

TEST_F(MptcpNetlink, APriorityIsToldToThePeerAndSeen) {
  connect();
  const auto event = add_subflow();
  must(commands_->set_backup(event.token, event.local, event.remote, true));
  const auto told = server_events_->take(Type::kSubflowPriority);
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->backup);
  EXPECT_EQ(told->remote, event.local);
  EXPECT_TRUE(must(diag_->subflow(key_of(event)))->requested_backup);
  EXPECT_TRUE(must(server_diag_->subflow({told->local, told->remote, told->ifindex}))->backup);

  must(commands_->set_backup(event.token, event.local, event.remote, false));
  EXPECT_FALSE(server_events_->take(Type::kSubflowPriority)->backup);
  EXPECT_FALSE(must(diag_->subflow(key_of(event)))->requested_backup);
}

TEST_F(MptcpNetlink, ASubflowCanStartAsBackup) {
  connect();
  const auto event = add_subflow(true);
  EXPECT_TRUE(must(diag_->subflow(key_of(event)))->requested_backup);
  EXPECT_TRUE(server_events_->take(Type::kSubflowEstablished)->backup);
}

TEST_F(MptcpNetlink, AnAddressIsAnnouncedAndWithdrawn) {
  connect();
  must(commands_->announce(initial_.token, 9, endpoint("10.77.2.1", 8000)));
  const auto announced = server_events_->take(Type::kAnnounced);
  ASSERT_TRUE(announced);
  EXPECT_EQ(announced->token, server_side_.token);
  EXPECT_EQ(announced->remote_id, 9);
  EXPECT_EQ(announced->remote, endpoint("10.77.2.1", 8000));
  EXPECT_EQ(must(diag_->connection(initial_.token))->announced, 1U);
  EXPECT_TRUE(commands_->announce(initial_.token, 9, endpoint("10.77.2.1", 8000)));

  must(commands_->remove(initial_.token, 9));
  EXPECT_EQ(server_events_->take(Type::kRemoved)->remote_id, 9);
}

TEST_F(MptcpNetlink, RemovingIdZeroClosesTheInitialSubflowOnly) {
  connect();
  add_subflow();
  ASSERT_TRUE(server_events_->take(Type::kSubflowEstablished));
  must(commands_->remove(initial_.token, 0));
  EXPECT_EQ(server_events_->take(Type::kRemoved)->remote_id, 0);
  EXPECT_TRUE(test::eventually([&] { return must(diag_->subflows()).size() == 1; }));
  connection_->exchange(1000);
}

TEST_F(MptcpNetlink, TheServersSideIsDestroyedByItsIpv4Addresses) {
  connect();
  add_subflow();
  const auto accepted = server_events_->take(Type::kSubflowEstablished);
  ASSERT_TRUE(accepted);
  auto commands = hosts_->server.inside([] { return must(MptcpCommands::open()); });
  must(commands.destroy(accepted->token, accepted->local, accepted->remote));
  EXPECT_TRUE(client_events_->take(Type::kSubflowClosed));
}

TEST_F(MptcpNetlink, ASocketIsDestroyedWithoutHarmToTheListener) {
  connect();
  add_subflow();
  const auto accepted = server_events_->take(Type::kSubflowEstablished);
  ASSERT_TRUE(accepted);
  const SocketDiag::Key key{accepted->local, accepted->remote, accepted->ifindex};
  must(server_diag_->destroy(key));
  EXPECT_TRUE(client_events_->take(Type::kSubflowClosed));
  EXPECT_TRUE(test::eventually([&] { return !must(server_diag_->subflow(key)); }));
  EXPECT_TRUE(server_diag_->destroy(key)) << "gone already is success";
  EXPECT_TRUE(must(server_diag_->listens(accepted->local))) << "what listens there still does";
  connection_->exchange(1000);
}

TEST_F(MptcpNetlink, AListenerIsFoundByAnyOfItsAddresses) {
  connect();
  EXPECT_TRUE(must(server_diag_->listens(endpoint("10.77.1.2", test::kServerPort))));
  EXPECT_TRUE(must(server_diag_->listens(endpoint("::1", test::kServerPort))));
  EXPECT_FALSE(must(server_diag_->listens(endpoint("10.77.1.2", test::kServerPort + 1))));
  EXPECT_FALSE(must(diag_->listens(initial_.local))) << "a connection is no listener";
}

TEST_F(MptcpNetlink, PlainTcpIsNoSubflow) {
  test::Connection plain(*hosts_, IPPROTO_TCP);
  sockaddr_in name{};
  socklen_t length = sizeof name;
  ::getsockname(plain.client.get(), reinterpret_cast<sockaddr*>(&name), &length);
  EXPECT_FALSE(must(diag_->subflow(
      {endpoint("10.77.1.1", ntohs(name.sin_port)), endpoint("10.77.1.2", test::kServerPort), 0})));
  EXPECT_TRUE(must(diag_->subflows()).empty());
}

TEST_F(MptcpNetlink, ARefusalCarriesTheKernelsWords) {
  connect();
  const auto done = commands_->create({initial_.token + 1, 7, endpoint("10.77.2.1", 0).address, 0,
                                       0, endpoint("10.77.1.2", test::kServerPort), false});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find("invalid token"), std::string::npos) << done.error().what;
}

TEST_F(MptcpNetlink, ALostEventIsNoticed) {
  auto monitor = hosts_->client.inside([] { return must(MptcpEventMonitor::open(1)); });
  connect();
  for (int i = 0; i < 50; ++i)
    must(commands_->set_backup(initial_.token, initial_.local, initial_.remote, i % 2 == 0));
  for (int i = 0; i < 50; ++i) {
    const auto event = add_subflow();
    must(commands_->destroy(event.token, event.local, event.remote));
  }
  EXPECT_FALSE(monitor.drain([](const MptcpEvent&) {}));
  EXPECT_TRUE(monitor.drain([](const MptcpEvent&) {}));
}

TEST_F(MptcpNetlink, ThePathManagerOfNewSocketsIsChosen) {
  hosts_->client.inside([] {
    EXPECT_EQ(must(path_manager_type()), PathManagerType::kUserspace);
    must(set_path_manager_type(PathManagerType::kKernel));
    EXPECT_EQ(must(path_manager_type()), PathManagerType::kKernel);
    return true;
  });
  connect();
  EXPECT_FALSE(commands_->create({initial_.token, 7, endpoint("10.77.2.1", 0).address, 0, 0,
                                  endpoint("10.77.1.2", test::kServerPort), false}))
      << "its path manager is the kernel's";
  EXPECT_TRUE(commands_->is_the_kernels(initial_.token));
}

}  // namespace
}  // namespace anabranch::kernel
