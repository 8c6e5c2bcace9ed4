// SPDX-License-Identifier: MIT
#include "proxy/client_table.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace anabranch::proxy {
namespace {

using Admission = ClientTable::Admission;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

const ClientLimits kLimits{.total = 4, .per_client = 2, .errors_per_second = 3};
const ClientTable::Time kStart{std::chrono::hours(1)};

TEST(ClientTable, OneClientDoesNotTakeEverything) {
  ClientTable table(kLimits);
  std::vector<ClientTable::Admitted> open;
  for (const auto expected : {Admission::kYes, Admission::kYes, Admission::kClientReached}) {
    open.push_back(table.admit(address("192.0.2.1")));
    EXPECT_EQ(open.back().admission, expected);
  }
  EXPECT_EQ(table.admit(address("192.0.2.2")).admission, Admission::kYes);
}

TEST(ClientTable, AllTogetherHaveALimit) {
  ClientTable table(kLimits);
  std::vector<ClientTable::Admitted> open;
  for (const auto* client : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"})
    open.push_back(table.admit(address(client)));
  EXPECT_EQ(open.back().admission, Admission::kYes);
  EXPECT_EQ(table.admit(address("192.0.2.5")).admission, Admission::kTotalReached);
}

TEST(ClientTable, TellsWhenALimitIsFarBehind) {
  ClientTable table({.total = 100, .per_client = 100});
  std::vector<ClientTable::Admitted> open;
  for (int i = 0; i < 120; ++i) open.push_back(table.admit(address("192.0.2.1")));
  EXPECT_FALSE(open.back().far_beyond) << "an eighth and eight more than 100";
  open.push_back(table.admit(address("192.0.2.1")));
  EXPECT_TRUE(open.back().far_beyond);
}

TEST(ClientTable, MemoryIsALimitOfAllTablesTogether) {
  MemoryBudget memory(3 * MemoryBudget::kConnection);
  ClientTable clients(kLimits, &memory);
  ClientTable remote_hosts(kLimits, &memory);
  const auto first = clients.admit(address("192.0.2.1"));
  {
    const auto second = remote_hosts.admit(address("192.0.2.2"));
    memory.add_buffers(MemoryBudget::kConnection);
    EXPECT_EQ(second.admission, Admission::kYes);
    EXPECT_EQ(clients.admit(address("192.0.2.3")).admission, Admission::kMemoryReached);
  }
  EXPECT_EQ(clients.admit(address("192.0.2.3")).admission, Admission::kYes) << "one has ended";
}

TEST(ClientTable, WithoutALimitOfMemoryThereIsNone) {
  MemoryBudget memory;
  ClientTable table(kLimits, &memory);
  memory.add_buffers(std::int64_t{1} << 50);
  EXPECT_EQ(table.admit(address("192.0.2.1")).admission, Admission::kYes);
}

TEST(ClientTable, WhatIsOverCountsNoMore) {
  ClientTable table(kLimits);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(table.admit(address("192.0.2.1")).admission, Admission::kYes);
  EXPECT_EQ(table.connections(), 0u);
  EXPECT_EQ(table.clients(), 0u) << "a client without connections is forgotten";
}

TEST(ClientTable, AllAddressesOfALinkAreOneClient) {
  ClientTable table(kLimits);
  const auto first = table.admit(address("2001:db8::1"));
  const auto second = table.admit(address("2001:db8::2"));
  EXPECT_EQ(table.admit(address("2001:db8::3")).admission, Admission::kClientReached);
  EXPECT_EQ(table.admit(address("2001:db8:0:1::3")).admission, Admission::kYes);
}

TEST(ClientTable, ErrorsAreToldSoManyTimesASecond) {
  ClientTable table(kLimits);
  const auto client = address("192.0.2.1");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(table.may_tell_error(client, kStart));
  EXPECT_FALSE(table.may_tell_error(client, kStart));
  EXPECT_TRUE(table.may_tell_error(address("192.0.2.2"), kStart)) << "another client";
  EXPECT_TRUE(table.may_tell_error(client, kStart + std::chrono::seconds(1)));
}

// Forged addresses must not fill the memory.
TEST(ClientTable, ManyClientsWithErrorsAreForgottenAfterASecond) {
  ClientTable table(kLimits);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const auto client = IpAddress::v4(0x0a000000 + i);
    const auto admitted = table.admit(client);
    EXPECT_TRUE(table.may_tell_error(client, kStart));
  }
  EXPECT_EQ(table.clients(), 1000u);
  EXPECT_TRUE(table.may_tell_error(address("192.0.2.1"), kStart + std::chrono::seconds(2)));
  EXPECT_EQ(table.clients(), 1u);
}

}  // namespace
}  // namespace anabranch::proxy
