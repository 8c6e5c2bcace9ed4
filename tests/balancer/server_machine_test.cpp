// SPDX-License-Identifier: MIT
// Given this machine, this is missing.
#include "balancer/server_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <steering/server_entries.h>

#include "balancer/server_report.hpp"
#include "support/frames.hpp"

namespace anabranch::balancer {
namespace {

using test::at;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Listens = MachineFacts::Listens;
using State = Announcement::State;

const Endpoint kService = at("198.51.100.10:443");
const Endpoint kJoin = at("198.51.100.10:1025");
const Endpoint kOwn = at("198.51.100.21:0");
const IpAddress kAddress = at("192.0.2.21:0").address;
constexpr unsigned kLoopback = 1;
constexpr unsigned kEthernet = 2;

/// A machine that lacks nothing.
class ServerMachine : public ::testing::Test {
 protected:
  ServerMachine() {
    server.name = "server1";
    server.id = 1;
    server.addresses[0] = kAddress;
    duties.services = {kService};
    duties.join_port = kJoin.port;
    duties.at_port = {kJoin.address};
    kernel::LinkInfo ethernet;
    ethernet.index = kEthernet;
    ethernet.name = "eth0";
    facts.links = {ethernet};
    have(kAddress, kEthernet);
    have(kService.address, kLoopback);
    facts.switches[kEthernet] = {.arp_ignore = 1, .rp_filter = 0};
    facts.listeners[kService] = Listens::kMptcp;
  }

  void have(const IpAddress& address, unsigned interface) {
    kernel::Address out;
    out.ifindex = interface;
    out.prefix = IpPrefix::host(address);
    facts.addresses.push_back(out);
  }
  void lose(const IpAddress& address) {
    std::erase_if(facts.addresses,
                  [&](const auto& one) { return one.prefix.address() == address; });
  }

  std::string said(std::span<const Announcement> announcements = {}) const {
    std::string out;
    for (const auto& finding : judge_machine(server, duties, facts, announcements))
      out += finding_text(finding) + "\n";
    return out;
  }
  std::string said_of(const Endpoint& place, State state) const {
    const Announcement one{place, state};
    return said({&one, 1});
  }

  Server server;
  ServerDuties duties;
  MachineFacts facts;
};

TEST_F(ServerMachine, NoIpv6AddressWithAPortIsAnnouncedBesideTimestamps) {
  EXPECT_EQ(said(), "") << "an IPv4 address has room";
  duties.at_port.push_back(at("[2001:db8::10]:0").address);
  EXPECT_THAT(said(), AllOf(HasSubstr("2001:db8::10 port 1025 is not announced"),
                            HasSubstr("net.ipv4.tcp_timestamps=0")));
  facts.timestamps = false;
  EXPECT_EQ(said(), "");
}

TEST_F(ServerMachine, AServerAsItShouldBeLacksNothing) {
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(ServerMachine, TheServicesAddressIsNeeded) {
  lose(kService.address);
  facts.listeners[kService] = Listens::kNobody;
  EXPECT_EQ(said(),
            "this machine does not have the service's address 198.51.100.10\n"
            "  hint: ip address add 198.51.100.10/32 dev lo\n")
      << "that nobody listens there is no wonder";
}

TEST_F(ServerMachine, TheServicesAddressDoesNotBelongToTheNetwork) {
  lose(kService.address);
  have(kService.address, kEthernet);
  EXPECT_THAT(said(), HasSubstr("is on eth0, where this server answers for it"));
  server.encapsulates = true;
  EXPECT_THAT(said(), IsEmpty()) << "elsewhere than on the balancer's network it may";
}

TEST_F(ServerMachine, TheServicesAddressIsNotAnsweredFor) {
  facts.switches[kEthernet].arp_ignore = 0;
  EXPECT_THAT(said(), AllOf(HasSubstr("eth0 answers ARP"),
                            HasSubstr("sysctl -w net.ipv4.conf.eth0.arp_ignore=1")));
  duties.services = {at("[2001:db8::10]:443")};
  have(duties.services[0].address, kLoopback);
  EXPECT_THAT(said(), IsEmpty()) << "there is no ARP for IPv6";
}

TEST_F(ServerMachine, AStrictReversePathFilterIsInTheWay) {
  facts.switches[kEthernet].rp_filter = 1;
  EXPECT_THAT(said(), HasSubstr("sysctl -w net.ipv4.conf.eth0.rp_filter=2"));
  facts.switches[kEthernet].rp_filter = 2;
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(ServerMachine, TheBalancerSendsToAnAddressOfThisMachine) {
  lose(kAddress);
  facts.switches.clear();
  EXPECT_THAT(said(), HasSubstr("no interface has 192.0.2.21"));
}

TEST_F(ServerMachine, TheApplicationSpeaksMptcp) {
  facts.listeners[kService] = Listens::kTcp;
  EXPECT_THAT(said(), HasSubstr("anabranch run"));
  facts.listeners[kService] = Listens::kNobody;
  EXPECT_THAT(said(), HasSubstr("nobody listens on 198.51.100.10:443"));
  facts.mptcp = false;
  EXPECT_THAT(said(), HasSubstr("sysctl -w net.mptcp.enabled=1"));
}

TEST_F(ServerMachine, WhatIsNotAnnouncedIsTold) {
  EXPECT_THAT(said_of(kOwn, State::kOurs), IsEmpty());
  EXPECT_THAT(said_of(kOwn, State::kForeign), IsEmpty());
  EXPECT_THAT(said_of(kOwn, State::kNoAddress),
              HasSubstr("ip address add 198.51.100.21/32 dev lo"));
  EXPECT_THAT(said_of(kJoin, State::kNoRoom),
              HasSubstr("198.51.100.10 port 1025 is not announced"));
  EXPECT_THAT(said_of(kOwn, State::kInTheWay), HasSubstr("for something else"));
}

TEST_F(ServerMachine, ShowTellsWhatIsAnnouncedServedAndMissing) {
  facts.switches[kEthernet].arp_ignore = 0;
  const std::vector<Announcement> announcements{{kJoin, State::kOurs}, {kOwn, State::kNoAddress}};
  const auto findings = judge_machine(server, duties, facts, announcements);
  ServerConnections connections;
  connections.serve(duties.services);
  kernel::MptcpEvent begun;
  begun.type = kernel::MptcpEvent::Type::kCreated;
  begun.token = 7;
  begun.local = kService;
  begun.server_side = true;
  connections.take(begun);
  ControlLink::Balancer balancer;
  balancer.address = at("192.0.2.9:7443");
  std::vector<std::uint64_t> arrivals(STEER_ARRIVALS);
  arrivals[STEER_HERE_CHAINED] = 3;
  const auto text = server_report_text(server_report_json({.file = "balancer.toml",
                                                           .server = server,
                                                           .duties = duties,
                                                           .facts = facts,
                                                           .announcements = announcements,
                                                           .findings = findings,
                                                           .connections = connections,
                                                           .initial_denied = true,
                                                           .trouble = "refused",
                                                           .balancers = {balancer},
                                                           .arrivals = arrivals}));
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("server1 (id 1)\n"
                               "198.51.100.10:443  served by MPTCP, 1 MPTCP connections\n"
                               "\nfurther subflows are told to come to\n"
                               "  198.51.100.10 port 1025: announced\n"
                               "  198.51.100.21: no-address\n"
                               "and not to the address that clients connect to\n"
                               "\nbalancer 192.0.2.9:7443: not connected\n"
                               "packets\n"
                               "  chained              3\n"
                               "\neth0 answers ARP"));
  EXPECT_THAT(*text, ::testing::EndsWith("\n\nrefused\n"));
  EXPECT_FALSE(server_report_text("[]"));
}

}  // namespace
}  // namespace anabranch::balancer
