// SPDX-License-Identifier: MIT
// What `paths explain` says of each pair: in use, or what stands against it on this machine, on the
// way and on the peer's side.
#include <gmock/gmock.h>

#include "explaining.hpp"

namespace anabranch::paths {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Explain, APairWithASubflowIsUsed) {
  auto facts = good_facts();
  facts.subjects = {connection()};
  const auto wire = verdict_on(kWire, kService, facts);
  EXPECT_EQ(wire.code, kUsed);
  EXPECT_EQ(wire.local.port, 4000);
  EXPECT_EQ(code(facts, connection()), "ready");
}

TEST(Explain, ABackupSubflowSaysWhyItIsOne) {
  auto subject = connection();
  subject.subflows.push_back({.local = {kModem, 4001}, .remote = kService, .backup = true});
  auto& modem = subject.subflows.back();
  const auto as = [&] {
    auto facts = good_facts();
    facts.subjects = {subject};
    return verdict_on(kModem, kService, facts);
  };
  EXPECT_EQ(as().code, kUsedBackup);
  modem.reason = "backup-by-admission";
  EXPECT_EQ(as().code, kBackupByAdmission);
  modem.reason = "unknown-rate";
  EXPECT_EQ(as().code, kBackupByAdmission);
  EXPECT_NE(as().words.find("unknown"), std::string::npos);
  modem.reason = "backup-by-rule";
  modem.rule = "metered";
  EXPECT_EQ(as().code, kBackupByRule);
  EXPECT_NE(as().words.find("metered"), std::string::npos);
  modem.backup = false;
  modem.peer_backup = true;
  EXPECT_EQ(as().code, kBackupByPeer);
}

TEST(Explain, ASubflowThatIsNotThereYetIsConnectingUnlessTheMachineKeepsItBack) {
  auto facts = good_facts();
  auto subject = connection();
  subject.subflows.push_back({.local = {kModem, 4001}, .remote = kService, .established = false});
  EXPECT_EQ(code(facts, subject), "connecting");
  facts.machine.addresses[1].rp_filter = 1;
  facts.ways[{kModem, kServer}].ifindex = 1;
  EXPECT_EQ(code(facts, subject), "rp-filter-strict");
}

TEST(Explain, SeveralSynsOfOnePairAreToldOnce) {
  auto facts = good_facts();
  facts.subjects = {connection()};
  facts.subjects[0].subflows.push_back(
      {.local = {kModem, 4001}, .remote = kService, .established = false});
  facts.subjects[0].subflows.push_back(
      {.local = {kModem, 4002}, .remote = kService, .established = false});
  const auto told = explain(facts);
  ASSERT_EQ(told[0].pairs.size(), 2U);
  EXPECT_EQ(told[0].pairs[1].code, kConnecting);
}

TEST(Explain, ASilentSubflowIsSoForTheLinkIfThatIsDown) {
  auto facts = good_facts();
  auto subject = connection();
  subject.subflows.push_back({.local = {kModem, 4001}, .remote = kService, .silent = true});
  EXPECT_EQ(code(facts, subject), "path-silent");
  facts.machine.addresses[1].carrier = false;
  EXPECT_EQ(code(facts, subject), "link-down");
}

TEST(Explain, ALinkThatIsDown) {
  auto facts = good_facts();
  facts.machine.addresses[1].admin_up = false;
  EXPECT_EQ(code(facts, connection()), "link-down");
  EXPECT_EQ(words(facts, connection()), "wwan0 is down");
}

TEST(Explain, AnAddressThatIsNoSource) {
  auto facts = good_facts();
  facts.machine.addresses[1].unusable = "it is still being checked for duplicates";
  EXPECT_EQ(code(facts, connection()), "address-not-usable");

  facts = good_facts();
  const auto link_local = *IpAddress::parse("169.254.7.7");
  facts.machine.addresses[1].address = link_local;
  facts.subjects = {connection()};
  EXPECT_EQ(verdict_on(link_local, kService, facts).code, kAddressNotUsable);
}

TEST(Explain, AddressesOfTwoFamiliesDoNotMeet) {
  auto facts = good_facts();
  auto subject = connection();
  const Endpoint over_ipv6{*IpAddress::parse("2001:db8::1"), 443};
  subject.peer_addresses.push_back({1, over_ipv6, true});
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kModem, over_ipv6, facts).code, kFamilyMismatch);
}

TEST(Explain, AnAddressWithoutRoute) {
  auto facts = good_facts();
  facts.ways[{kModem, kServer}] = {.ifindex = std::nullopt, .why_not = "Network is unreachable"};
  EXPECT_EQ(code(facts, connection()), "no-route");
  facts.ways[{kModem, kServer}] = {.ifindex = 1};
  EXPECT_EQ(code(facts, connection()), "no-route");
}

TEST(Explain, AMissingSourceRuleLeavesByTheWrongInterface) {
  auto facts = good_facts();
  facts.ways[{kModem, kServer}] = {.ifindex = 1, .table = 102};
  EXPECT_EQ(code(facts, connection()), "source-rule-missing");
  facts.subjects = {connection()};
  EXPECT_EQ(verdict_on(kModem, kService, facts).hint, "`ip rule add from 10.2.0.2 lookup 102`");
}

TEST(Explain, ASubflowBoundToItsInterfaceNeedsNoSourceRule) {
  auto facts = good_facts();
  facts.ways[{kModem, kServer}] = {.ifindex = 1, .bound = true, .table = 254};
  EXPECT_EQ(code(facts, connection()), "ready");

  // Of the kernel's endpoints only one with `dev` is bound.
  auto subject = connection();
  managed_by_kernel(facts, subject);
  EXPECT_EQ(code(facts, subject), "kernel-gave-up");
  facts.machine.endpoints[0].ifindex = 0;
  EXPECT_EQ(code(facts, subject), "source-rule-missing");
}

TEST(Explain, StrictRpFilterDropsAnswersThatComeByAnotherWayThanTheRoute) {
  auto facts = good_facts();
  facts.ways[{kModem, kServer}] = {.ifindex = 1, .bound = true, .table = 254};
  facts.machine.addresses[1].rp_filter = 1;
  EXPECT_EQ(code(facts, connection()), "rp-filter-strict");
  facts.machine.addresses[1].rp_filter = 2;
  EXPECT_EQ(code(facts, connection()), "ready");
  // With a source rule the route back is by the modem, and strict does no harm.
  facts = good_facts();
  facts.machine.addresses[1].rp_filter = 1;
  EXPECT_EQ(code(facts, connection()), "ready");
}

TEST(Explain, MptcpOffInOneWayOrAnother) {
  auto facts = good_facts();
  facts.machine.blackholed = true;
  EXPECT_EQ(code(facts, new_connection()), "mptcp-blackholed");
  EXPECT_EQ(code(facts, connection()), "ready") << "a connection that speaks MPTCP goes on";
  facts.machine.mptcp_enabled = false;
  EXPECT_EQ(code(facts, new_connection()), "mptcp-disabled");
  facts.machine.mptcp_present = false;
  EXPECT_EQ(code(facts, new_connection()), "mptcp-missing");

  facts = good_facts();
  facts.machine.blackholed = true;
  auto fallen = connection();
  fallen.plain_tcp = true;
  facts.subjects = {fallen};
  EXPECT_EQ(verdict_on(kWire, kService, facts).code, kMptcpBlackholed);
}

TEST(Explain, AnInterfaceThatIsDenied) {
  auto facts = good_facts();
  facts.paths[kModem] = {.interface = "wwan0", .usable = false, .reason = "denied"};
  EXPECT_EQ(code(facts, connection()), "interface-denied");
  EXPECT_EQ(code(facts, new_connection()), "interface-denied");
}

TEST(Explain, ARuleThatDeniesTheConnectionThePath) {
  auto facts = good_facts();
  facts.settings.rules.resize(1);
  facts.settings.rules[0].name = "metered";
  facts.settings.rules[0].match.interfaces = {"wwan*"};
  facts.settings.rules[0].deny = true;
  EXPECT_EQ(code(facts, new_connection()), "rule-denied");
  EXPECT_EQ(code(facts, connection()), "rule-denied");
  EXPECT_NE(words(facts, connection()).find("metered"), std::string::npos);
  facts.settings.rules[0].match.uids = {1000};
  EXPECT_EQ(code(facts, new_connection()), "would-use") << "nobody owns it yet";
  auto subject = connection();
  subject.uid = 1000;
  EXPECT_EQ(code(facts, subject), "rule-denied");
  facts.settings.rules[0].match.ports = {{80, 80}};
  EXPECT_EQ(code(facts, new_connection()), "would-use");
}

/// As the decider, which asks the rules about the connection and an interface.
TEST(Explain, ARuleIsAboutWhereTheConnectionGoesAndNotAboutAnnouncedAddresses) {
  auto facts = good_facts();
  const Endpoint announced{*IpAddress::parse("198.18.0.2"), 8443};
  facts.ways[{kModem, announced.address}] = good_way(2);
  auto subject = connection();
  subject.peer_addresses.push_back({1, announced, true});
  facts.subjects = {subject};
  facts.settings.rules.resize(1);
  facts.settings.rules[0].name = "metered";
  facts.settings.rules[0].match.interfaces = {"wwan*"};
  facts.settings.rules[0].match.destinations = {IpPrefix::host(kServer)};
  facts.settings.rules[0].match.ports = {{443, 443}};
  facts.settings.rules[0].deny = true;
  EXPECT_EQ(verdict_on(kModem, announced, facts).code, kRuleDenied);
  facts.settings.rules[0].match.destinations = {IpPrefix::host(announced.address)};
  facts.settings.rules[0].match.ports = {{8443, 8443}};
  EXPECT_NE(verdict_on(kModem, announced, facts).code, kRuleDenied);
}

TEST(Explain, SaysWhichSettingsItJudgesBy) {
  auto facts = good_facts();
  facts.subjects = {connection()};
  const auto remarks = [&] { return explain(facts).at(0).remarks; };
  EXPECT_THAT(remarks(), ElementsAre(HasSubstr("the defaults")));
  facts.settings_file = facts.daemons_file = "/etc/anabranch/paths.toml";
  EXPECT_THAT(remarks(),
              ElementsAre("rules and limits are those of /etc/anabranch/paths.toml, as the path "
                          "manager's"));
  facts.settings_file = "/tmp/new.toml";
  EXPECT_THAT(remarks(),
              ElementsAre("rules and limits are those of /tmp/new.toml; the path manager's are in "
                          "/etc/anabranch/paths.toml"));
  managed_by_kernel(facts, facts.subjects[0]);
  EXPECT_THAT(remarks(), testing::Not(testing::Contains(HasSubstr("toml"))))
      << "the kernel knows none";
}

TEST(Explain, ThePeerThatSetTheCFlag) {
  auto facts = good_facts();
  auto subject = connection();
  subject.deny_join_id0 = true;
  EXPECT_EQ(code(facts, subject), "peer-denies-join");
  // An address that it announces is open all the same.
  const Endpoint other{*IpAddress::parse("198.18.0.2"), 443};
  subject.peer_addresses.push_back({1, other, true});
  facts.ways[{kModem, other.address}] = good_way(2);
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kModem, other, facts).code, kReady);
}

TEST(Explain, ThePeerThatSetTheCFlagInATrial) {
  auto facts = good_facts();
  facts.trials[{kWire, kService}] = {.mptcp = End::kMptcp, .tcp = End::kTcp, .deny_join_id0 = true};
  facts.trials[{kModem, kService}] = facts.trials[{kWire, kService}];
  EXPECT_EQ(code(facts, new_connection()), "peer-denies-join");
  facts.subjects = {new_connection()};
  EXPECT_EQ(verdict_on(kWire, kService, facts).code, kWouldUse) << "the first subflow goes there";
}

TEST(Explain, OptionThirtyStrippedOnOnePath) {
  auto facts = good_facts();
  facts.trials[{kModem, kService}] = {.mptcp = End::kTcp, .tcp = End::kTcp};
  EXPECT_EQ(code(facts, connection()), "option-stripped") << "the connection itself speaks MPTCP";
  facts.trials[{kWire, kService}] = {.mptcp = End::kMptcp, .tcp = End::kTcp};
  EXPECT_EQ(code(facts, new_connection()), "option-stripped");
}

TEST(Explain, AllPathsAnswerWithoutMptcpSoItIsThePeer) {
  auto facts = good_facts();
  const Trial plain{.mptcp = End::kTcp, .tcp = End::kTcp};
  facts.trials = {{{kWire, kService}, plain}, {{kModem, kService}, plain}};
  EXPECT_EQ(code(facts, new_connection()), "peer-tcp-only");
}

TEST(Explain, OnePathAloneDoesNotTellWhetherThePeerOrThePathLacksMptcp) {
  auto facts = good_facts();
  facts.trials[{kModem, kService}] = {.mptcp = End::kTcp, .tcp = End::kTcp};
  EXPECT_EQ(code(facts, new_connection()), "tcp-only-somewhere");
  facts.machine.speaks_mptcp = {kModem};
  EXPECT_EQ(code(facts, new_connection()), "peer-tcp-only") << "the path lets MPTCP pass";
}

TEST(Explain, APathThatDropsWhatCarriesTheOption) {
  auto facts = good_facts();
  facts.trials[{kModem, kService}] = {.mptcp = End::kSilent, .tcp = End::kTcp};
  EXPECT_EQ(code(facts, connection()), "option-dropped");
  facts.trials[{kModem, kService}].tcp = End::kSilent;
  EXPECT_EQ(code(facts, connection()), "no-answer");
}

TEST(Explain, APeerThatRefuses) {
  auto facts = good_facts();
  facts.trials[{kModem, kService}] = {.mptcp = End::kRefused, .tcp = End::kRefused};
  EXPECT_EQ(code(facts, connection()), "join-refused");
}

TEST(Explain, AnAnnouncedPortWithoutListenerSeenByThePeerThatTries) {
  auto facts = good_facts();
  auto subject = connection();
  const Endpoint announced{*IpAddress::parse("198.18.0.2"), 8443};
  subject.peer_addresses.push_back({1, announced, true});
  facts.ways[{kModem, announced.address}] = good_way(2);
  subject.waiting = {
      {.local = kModem, .remote = announced, .code = "join-refused", .retry_in = seconds(3)}};
  facts.subjects = {subject};
  const auto found = verdict_on(kModem, announced, facts);
  EXPECT_EQ(found.code, kNoListener);
  EXPECT_NE(found.words.find("tried again in 3 s"), std::string::npos);

  subject.waiting.clear();
  facts.trials[{kModem, announced}] = {.mptcp = End::kRefused, .tcp = End::kRefused};
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kModem, announced, facts).code, kNoListener);
}

TEST(Explain, AConnectionThatHasBecomePlainTcp) {
  auto facts = good_facts();
  auto subject = connection();
  subject.plain_tcp = true;
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kWire, kService, facts).code, kFellBack);
  EXPECT_EQ(code(facts, subject), "fell-back");
  facts.trials[{kWire, kService}] = {.mptcp = End::kTcp, .tcp = End::kTcp};
  facts.trials[{kModem, kService}] = {.mptcp = End::kMptcp, .tcp = End::kTcp};
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kWire, kService, facts).code, kOptionStripped);
}

/// The same machine as the server: the client came to its wire.
struct ServerSide {
  Facts facts = good_facts();
  Subject subject;
  Endpoint client{*IpAddress::parse("203.0.113.9"), 5000};

  ServerSide() {
    subject.token = 0x99;
    subject.local = {kWire, 443};
    subject.remote = client;
    subject.server_side = true;
    subject.manager = Manager::kDaemon;
    subject.details_known = true;
    subject.subflows = {{.local = subject.local, .remote = client}};
    facts.ways[{kWire, client.address}] = good_way(1);
    facts.ways[{kModem, client.address}] = good_way(2);
  }
  std::string code_of_modem() {
    facts.subjects = {subject};
    return std::string(explain_name(verdict_on(kModem, client, facts).code));
  }
};

TEST(Explain, AServerWaitsForItsPeerWhichHasToKnowTheAddress) {
  ServerSide server;
  EXPECT_EQ(server.code_of_modem(), "peer-not-told");
  server.subject.announcements = {{{kModem, 443}, "sent", true}};
  EXPECT_EQ(server.code_of_modem(), "peer-not-echoed");
  server.subject.announcements[0].state = "done";
  EXPECT_EQ(server.code_of_modem(), "peer-opens");
  server.subject.announcements[0].state = "failed";
  EXPECT_EQ(server.code_of_modem(), "peer-not-echoed");
}

TEST(Explain, AServerThatAnnouncedWhereNothingListens) {
  ServerSide server;
  server.subject.announcements = {{{kModem, 8443}, "done", false}};
  EXPECT_EQ(server.code_of_modem(), "no-listener");
}

TEST(Explain, AServerWhoseStrictRpFilterDropsTheJoin) {
  ServerSide server;
  server.subject.announcements = {{{kModem, 443}, "done", true}};
  server.facts.machine.addresses[1].rp_filter = 1;
  server.facts.ways[{kModem, server.client.address}].ifindex = 1;
  server.facts.ways[{kModem, server.client.address}].table = std::nullopt;
  EXPECT_EQ(server.code_of_modem(), "rp-filter-strict");
}

TEST(Explain, TwoSubflowsOfAPeerWhichHasAPortOfItsOwnForEach) {
  ServerSide server;
  server.subject.subflows.push_back(
      {.local = {kModem, 443}, .remote = {server.client.address, 5001}});
  server.facts.subjects = {server.subject};
  const auto pairs = explain(server.facts).at(0).pairs;
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].code, kUsed);
  EXPECT_EQ(pairs[1].code, kUsed);
  EXPECT_EQ(pairs[1].remote.port, 5001);
}

TEST(Explain, ASubflowWhoseAddressIsGoneIsShownAllTheSame) {
  auto facts = good_facts();
  facts.machine.addresses.pop_back();
  auto subject = connection();
  subject.subflows.push_back({.local = {kModem, 4001}, .remote = kService, .silent = true});
  EXPECT_EQ(code(facts, subject), "address-not-usable");
}

TEST(Explain, LoopbackAddressesAreNotSpokenOf) {
  auto facts = good_facts();
  facts.machine.addresses.push_back({.address = *IpAddress::parse("127.0.0.1"),
                                     .interface = "lo",
                                     .ifindex = 9,
                                     .loopback_interface = true});
  facts.subjects = {connection()};
  EXPECT_EQ(explain(facts).at(0).pairs.size(), 2U);
}

}  // namespace
}  // namespace anabranch::paths
