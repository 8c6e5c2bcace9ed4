// SPDX-License-Identifier: MIT
#include "gateway/lease_journal.hpp"

#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace anabranch::gateway {
namespace {

constexpr std::string_view kHeading =
    "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,"
    "user_context\n";

std::string line(int last, int lifetime = 600, int state = 0) {
  return "10.1.16." + std::to_string(last) + ",02:00:00:00:00:05,01:02:03," +
         std::to_string(lifetime) + ",1700000000,1,0,0,," + std::to_string(state) + ",\n";
}

TEST(LeaseJournal, ALineIsALease) {
  const auto lease = journal_lease(line(7));
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->address.text(), "10.1.16.7");
  EXPECT_EQ(lease->mac.text(), "02:00:00:00:00:05");
  EXPECT_EQ(lease->lifetime, seconds(600));
}

TEST(LeaseJournal, WhatIsNoLease) {
  EXPECT_FALSE(journal_lease(kHeading));
  EXPECT_FALSE(journal_lease(line(7, 0))) << "given back";
  EXPECT_FALSE(journal_lease(line(7, 600, 1))) << "declined";
  EXPECT_FALSE(journal_lease(""));
  EXPECT_FALSE(journal_lease("10.1.16.7,,,600"));
}

class FollowedJournal : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("lease_journal_test." + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void append(const std::string& text) { std::ofstream(file(), std::ios::app) << text; }
  std::filesystem::path file() const { return folder_ / "kea-leases4.csv"; }
  void follow(LeaseJournal::Begin begin = LeaseJournal::Begin::kNow) {
    journal_ = LeaseJournal::open(loop_, file(), begin, [this](std::string_view text) {
                 const auto lease = journal_lease(text);
                 if (!lease) return;
                 seen_.push_back(lease->address.text());
                 if (seen_.size() == 1)
                   after_first_();
                 else
                   loop_.stop();
               }).value();
  }
  /// Runs until two leases have been seen; `after_first` comes between them.
  void await_two(std::function<void()> after_first) {
    after_first_ = std::move(after_first);
    const auto deadline = loop_.after(seconds(5), [this] { loop_.stop(); });
    loop_.run();
  }

  Loop loop_;
  std::filesystem::path folder_;
  std::unique_ptr<LeaseJournal> journal_;
  std::vector<std::string> seen_;
  std::function<void()> after_first_ = [] {};
};

TEST_F(FollowedJournal, TellsWhatComesAfterItBegan) {
  append(std::string(kHeading) + line(1));
  follow();
  append(line(2) + line(3).substr(0, 20));
  await_two([&] { append(line(3).substr(20)); });
  EXPECT_EQ(seen_, (std::vector<std::string>{"10.1.16.2", "10.1.16.3"}));
}

TEST_F(FollowedJournal, TellsWhatWasThereWhenAskedTo) {
  std::ofstream(file().string() + ".2") << kHeading << line(1);
  std::ofstream(file().string() + ".1") << kHeading << line(2);
  append(std::string(kHeading) + line(3));
  follow(LeaseJournal::Begin::kWhole);
  EXPECT_EQ(seen_, (std::vector<std::string>{"10.1.16.1", "10.1.16.2", "10.1.16.3"}));
  std::ofstream(file().string() + ".completed") << kHeading << line(4);
  seen_.clear();
  follow(LeaseJournal::Begin::kWhole);
  EXPECT_EQ(seen_, (std::vector<std::string>{"10.1.16.4", "10.1.16.3"})) << "the others are in it";
}

TEST_F(FollowedJournal, FollowsAFileThatComesLaterAndOneThatIsReplaced) {
  follow();
  append(std::string(kHeading) + line(1));
  await_two([&] {
    std::filesystem::rename(file(), folder_ / "kea-leases4.csv.1");
    append(std::string(kHeading) + line(2));
  });
  EXPECT_EQ(seen_, (std::vector<std::string>{"10.1.16.1", "10.1.16.2"}));
}

}  // namespace
}  // namespace anabranch::gateway
