// SPDX-License-Identifier: MIT
// What `paths explain` says of those who open subflows: the daemon, the kernel, nobody.
#include "explaining.hpp"

namespace anabranch::paths {
namespace {

using namespace test;

TEST(Explain, WhatTheDaemonWaitsFor) {
  auto facts = good_facts();
  auto subject = connection();
  subject.waiting = {{.local = kModem, .remote = kService, .code = {}}};
  auto& waiting = subject.waiting[0];
  for (const auto* name :
       {"subflow-limit", "id-limit", "retry-wait", "path-failed", "join-reset"}) {
    waiting.code = name;
    EXPECT_EQ(code(facts, subject), name);
  }
  // As the daemon calls them.
  for (const auto& [name, told] : {std::pair{"limit", "subflow-limit"},
                                   {"no-id", "id-limit"},
                                   {"subflow-lost", "retry-wait"},
                                   {"join-failed", "retry-wait"},
                                   {"slow-company", "retry-wait"}}) {
    waiting.code = name;
    EXPECT_EQ(code(facts, subject), told) << name;
  }
  waiting.code = "join-reset";
  waiting.detail = "too much outstanding data";
  waiting.retry_in = milliseconds(1500);
  EXPECT_NE(words(facts, subject).find("(too much outstanding data); tried again in 1.5 s"),
            std::string::npos);
  waiting.code = "something-new";
  EXPECT_EQ(code(facts, subject), "daemon-waits");
  EXPECT_NE(words(facts, subject).find("something-new"), std::string::npos);
}

TEST(Explain, AFailedPathAndAFullConnection) {
  auto facts = good_facts();
  facts.paths[kModem].failed = true;
  EXPECT_EQ(code(facts, connection()), "path-failed");
  facts = good_facts();
  auto subject = connection();
  subject.extra_subflows = 8;
  EXPECT_EQ(code(facts, subject), "subflow-limit");
  subject.extra_subflows = 1;
  EXPECT_EQ(code(facts, subject), "ready");
  facts.settings.subflows = 1;
  EXPECT_EQ(code(facts, subject), "subflow-limit");
}

TEST(Explain, APathWithoutADefaultRouteIsGoodForWhereItLeads) {
  auto facts = good_facts();
  auto& modem = facts.paths[kModem];
  modem.usable = false;
  modem.reason = "no-route";
  EXPECT_EQ(code(facts, connection()), "no-route");
  modem.destinations = {IpPrefix::host(kServer)};
  EXPECT_EQ(code(facts, connection()), "ready");
}

TEST(Explain, AnAddressOfEachSideInUseIsEnough) {
  auto facts = good_facts();
  auto subject = connection();
  const Endpoint other{*IpAddress::parse("198.18.0.2"), 443};
  facts.ways[{kModem, other.address}] = facts.ways[{kWire, other.address}] = good_way(2);
  facts.ways[{kWire, other.address}].ifindex = 1;
  subject.peer_addresses.push_back({1, other, true});
  subject.subflows.push_back({.local = {kModem, 4001}, .remote = other});
  EXPECT_EQ(code(facts, subject), "not-needed");
}

TEST(Explain, TheKernelsPathManager) {
  auto facts = good_facts();
  auto subject = connection();
  managed_by_kernel(facts, subject);
  EXPECT_EQ(code(facts, subject), "kernel-gave-up");
  facts.machine.limits.subflows = 1;
  subject.extra_subflows = 1;
  EXPECT_EQ(code(facts, subject), "subflow-limit");
  facts.machine.endpoints[0].flags = kernel::MptcpEndpoint::kSignal;
  EXPECT_EQ(code(facts, subject), "kernel-no-endpoint");
}

TEST(Explain, TheKernelsPathManagerAndAnnouncedAddresses) {
  auto facts = good_facts();
  auto subject = connection();
  managed_by_kernel(facts, subject);
  const Endpoint other{*IpAddress::parse("198.18.0.2"), 443};
  facts.ways[{kModem, other.address}] = good_way(2);
  subject.peer_addresses.push_back({1, other, true});
  facts.machine.limits.accepted_addresses = 0;
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kModem, other, facts).code, kAddressLimit);
  facts.machine.limits.accepted_addresses = 2;
  subject.subflows.push_back({.local = {kModem, 4001}, .remote = kService});
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kModem, other, facts).code, kKernelOneEach);
  facts.machine.endpoints[0].flags |= kernel::MptcpEndpoint::kFullmesh;
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kModem, other, facts).code, kKernelGaveUp);
}

TEST(Explain, ANewConnectionWithTheKernelsPathManager) {
  auto facts = good_facts();
  auto subject = new_connection();
  managed_by_kernel(facts, subject);
  EXPECT_EQ(code(facts, subject), "would-use");
  facts.machine.endpoints[0].flags |= kernel::MptcpEndpoint::kBackup;
  EXPECT_EQ(code(facts, subject), "would-use-backup");
  facts.machine.limits.subflows = 0;
  EXPECT_EQ(code(facts, subject), "subflow-limit");
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kWire, kService, facts).code, kWouldUse) << "the routes begin there";
}

TEST(Explain, APathManagerInUserSpaceThatDoesNotRun) {
  auto facts = good_facts();
  auto subject = new_connection();
  facts.paths.clear();
  subject.manager = Manager::kNobody;
  EXPECT_EQ(code(facts, subject), "no-path-manager");
  facts.subjects = {subject};
  EXPECT_EQ(verdict_on(kWire, kService, facts).code, kWouldUse);
}

}  // namespace
}  // namespace anabranch::paths
