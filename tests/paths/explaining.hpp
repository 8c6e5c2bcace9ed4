// SPDX-License-Identifier: MIT
// What the tests of `paths explain` start from. A laptop with a wire (10.1.0.2) and a modem
// (10.2.0.2), both good, and a connection to 198.18.0.1:443 over the wire; every case differs from
// that in one thing.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "paths/explain.hpp"

namespace anabranch::paths::test {

using enum ExplainCode;
using End = Trial::End;

inline const IpAddress kWire = *IpAddress::parse("10.1.0.2");
inline const IpAddress kModem = *IpAddress::parse("10.2.0.2");
inline const IpAddress kServer = *IpAddress::parse("198.18.0.1");
inline const Endpoint kService{kServer, 443};

inline Way good_way(unsigned ifindex) {
  return {.ifindex = ifindex, .bound = true, .table = 100 + ifindex};
}

/// As the machine is when nothing is wrong. The daemon runs, unless a case says otherwise.
inline Facts good_facts() {
  Facts facts;
  facts.machine.daemon = true;
  facts.machine.userspace_manager = true;
  facts.machine.addresses = {{.address = kWire, .interface = "eth0", .ifindex = 1},
                             {.address = kModem, .interface = "wwan0", .ifindex = 2}};
  facts.ways[{kWire, kServer}] = good_way(1);
  facts.ways[{kModem, kServer}] = good_way(2);
  facts.paths = {{kWire, {.interface = "eth0"}}, {kModem, {.interface = "wwan0"}}};
  facts.settings = default_settings();
  return facts;
}

inline Subject connection() {
  Subject subject;
  subject.token = 0x1234;
  subject.local = {kWire, 4000};
  subject.remote = kService;
  subject.manager = Manager::kDaemon;
  subject.details_known = true;
  subject.subflows = {{.local = {kWire, 4000}, .remote = kService}};
  subject.peer_addresses = {{0, kService, false}};
  return subject;
}

inline Subject new_connection() {
  Subject subject;
  subject.local.address = kWire;
  subject.remote = kService;
  subject.manager = Manager::kDaemon;
  return subject;
}

/// With the kernel's path manager, which may use the modem.
inline void managed_by_kernel(Facts& facts, Subject& subject) {
  facts.machine.daemon = facts.machine.userspace_manager = false;
  facts.paths.clear();
  facts.machine.limits = {.accepted_addresses = 2, .subflows = 2};
  facts.machine.endpoints = {
      {.id = 1, .address = kModem, .flags = kernel::MptcpEndpoint::kSubflow, .ifindex = 2}};
  subject.manager = Manager::kKernel;
  subject.details_known = false;
}

inline Verdict verdict_on(const IpAddress& local, const Endpoint& remote, const Facts& facts) {
  for (const auto& explanation : explain(facts))
    for (const auto& pair : explanation.pairs)
      if (pair.local.address == local && pair.remote == remote) return pair;
  ADD_FAILURE() << "no verdict on " << local.text() << " and " << remote.text();
  return {};
}

/// The code of the modem's pair with the service.
inline std::string code(Facts facts, const Subject& subject) {
  facts.subjects = {subject};
  return std::string(explain_name(verdict_on(kModem, kService, facts).code));
}
inline std::string words(Facts facts, const Subject& subject) {
  facts.subjects = {subject};
  return verdict_on(kModem, kService, facts).words;
}

}  // namespace anabranch::paths::test
