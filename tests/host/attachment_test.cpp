// SPDX-License-Identifier: MIT
#include "host/attachment.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "kernel/interface_state.hpp"

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;
using Wish = AttachmentChoice::Wish;
using Reason = AttachmentChoice::Reason;
using Seen = AttachmentChoice::Seen;

const MonotonicTime kStart(1h);
const IpPrefix kNetwork = IpPrefix::parse("10.1.0.0/16").value();
const IpPrefix kOther = IpPrefix::parse("192.168.1.0/24").value();

/// Path 2 as the host would see it: where the choice has put it, asking in vain.
std::vector<Seen> in_vain(const AttachmentChoice& choice) {
  return {{2, choice.of_path(2), false, true}};
}

AttachmentChoice on_network() {
  AttachmentChoice choice(Wish::kAuto, false);
  choice.network(kNetwork);
  return choice;
}

/// As it is after path 2's macvlan went unanswered for long enough.
AttachmentChoice trying_the_parent() {
  auto choice = on_network();
  choice.look(in_vain(choice), kStart);
  EXPECT_TRUE(choice.look(in_vain(choice), kStart + 6s));
  return choice;
}

TEST(HostAttachment, VirtualInterfacesUnlessSomethingSpeaksAgainstThem) {
  const AttachmentChoice choice(Wish::kAuto, false);
  EXPECT_EQ(choice.attachment(), Attachment::kVirtual);
  EXPECT_EQ(choice.reason(), Reason::kDefault);
}

TEST(HostAttachment, AWirelessStationSharesAtOnce) {
  const AttachmentChoice choice(Wish::kAuto, true);
  EXPECT_EQ(choice.of_path(2), Attachment::kShared);
  EXPECT_EQ(choice.reason(), Reason::kWireless);
}

TEST(HostAttachment, TheConfigurationGoesBeforeEverything) {
  const AttachmentChoice wireless(Wish::kVirtual, true);
  EXPECT_EQ(wireless.attachment(), Attachment::kVirtual);
  EXPECT_EQ(wireless.reason(), Reason::kConfigured);
  AttachmentChoice wired(Wish::kShared, false);
  EXPECT_EQ(wired.attachment(), Attachment::kShared);
  wired.network(kNetwork);
  wired.look(in_vain(wired), kStart);
  wired.look(in_vain(wired), kStart + 1h);
  EXPECT_EQ(wired.attachment(), Attachment::kShared);
  EXPECT_FALSE(wired.learned_on()) << "what is told is not learned";
}

TEST(HostAttachment, AnUnansweredMacvlanIsAskedForWithTheParentsAddress) {
  auto choice = on_network();
  EXPECT_FALSE(choice.look(in_vain(choice), kStart));
  EXPECT_EQ(choice.next_timer(), kStart + 6s) << "two questions, at 0 and 4 s";
  EXPECT_FALSE(choice.look(in_vain(choice), kStart + 5s));
  EXPECT_TRUE(choice.look(in_vain(choice), kStart + 6s));
  EXPECT_EQ(choice.of_path(2), Attachment::kShared);
  EXPECT_EQ(choice.of_path(3), Attachment::kVirtual) << "nothing is decided yet";
  EXPECT_EQ(choice.attachment(), Attachment::kVirtual);
}

TEST(HostAttachment, WhenThatIsAnsweredAllPathsMove) {
  auto choice = trying_the_parent();
  const std::vector<Seen> answered{{2, Attachment::kShared, true, false},
                                   {3, Attachment::kVirtual, false, true}};
  EXPECT_TRUE(choice.look(answered, kStart + 7s));
  EXPECT_EQ(choice.attachment(), Attachment::kShared);
  EXPECT_EQ(choice.of_path(3), Attachment::kShared);
  EXPECT_EQ(choice.reason(), Reason::kLearned);
  EXPECT_EQ(choice.learned_on(), kNetwork);
  EXPECT_EQ(choice.next_timer(), MonotonicTime::max());
}

TEST(HostAttachment, WhenItIsNotTheIndexIsNotOfferedAndThePathGoesBack) {
  auto choice = trying_the_parent();
  EXPECT_EQ(choice.next_timer(), kStart + 16s);
  EXPECT_TRUE(choice.look(in_vain(choice), kStart + 16s));
  EXPECT_EQ(choice.of_path(2), Attachment::kVirtual);
  EXPECT_FALSE(choice.look(in_vain(choice), kStart + 60s)) << "not again at once";
  EXPECT_TRUE(choice.look(in_vain(choice), kStart + 16s + 180s));
  EXPECT_TRUE(choice.look(in_vain(choice), kStart + 206s));
  EXPECT_EQ(choice.next_timer(), kStart + 206s + 360s) << "and ever more rarely";
}

TEST(HostAttachment, AnAnswerThatIsBeingWorkedOnIsWaitedFor) {
  auto choice = trying_the_parent();
  const std::vector<Seen> checking{{2, Attachment::kShared, false, false}};
  EXPECT_FALSE(choice.look(checking, kStart + 15s));
  EXPECT_FALSE(choice.look(checking, kStart + 20s));
  EXPECT_EQ(choice.of_path(2), Attachment::kShared);
}

TEST(HostAttachment, ASilentLinkSaysNothingAboutEthernetAddresses) {
  auto choice = on_network();
  std::vector<Seen> down{{2, Attachment::kVirtual, false, false}};
  choice.look(in_vain(choice), kStart);
  EXPECT_FALSE(choice.look(down, kStart + 5s));
  EXPECT_FALSE(choice.look(in_vain(choice), kStart + 10s)) << "the wait began anew";
  EXPECT_TRUE(choice.look(in_vain(choice), kStart + 11s));
}

TEST(HostAttachment, OneMacvlanMoreThanAPortAllowsMovesAllOfThem) {
  auto choice = on_network();
  std::vector<Seen> paths{{2, Attachment::kVirtual, true, false},
                          {3, Attachment::kVirtual, false, true}};
  choice.look(paths, kStart);
  EXPECT_TRUE(choice.look(paths, kStart + 6s));
  EXPECT_EQ(choice.of_path(2), Attachment::kVirtual) << "it works and is not touched";
  paths[1] = {3, Attachment::kShared, true, false};
  EXPECT_TRUE(choice.look(paths, kStart + 7s));
  EXPECT_EQ(choice.of_path(2), Attachment::kShared);
}

TEST(HostAttachment, WhatWasLearnedHoldsOverARestartAndForThatNetworkOnly) {
  AttachmentChoice choice(Wish::kAuto, false);
  choice.remember(kNetwork);
  choice.network(kNetwork);
  EXPECT_EQ(choice.attachment(), Attachment::kShared);
  choice.network(std::nullopt);
  EXPECT_EQ(choice.attachment(), Attachment::kShared) << "the address is away for a moment";
  choice.network(kOther);
  EXPECT_EQ(choice.attachment(), Attachment::kVirtual);
  EXPECT_FALSE(choice.learned_on());
}

TEST(HostAttachment, AnotherInterfaceUnderTheNameBeginsAnew) {
  AttachmentChoice choice(Wish::kAuto, false);
  choice.remember(kNetwork);
  choice.refused();
  choice.forget();
  EXPECT_EQ(choice.attachment(), Attachment::kVirtual);
}

TEST(HostAttachment, AKernelThatMakesNoMacvlanLeavesTheOtherWay) {
  auto choice = on_network();
  choice.refused();
  EXPECT_EQ(choice.attachment(), Attachment::kShared);
  EXPECT_EQ(choice.reason(), Reason::kRefused);
}

TEST(HostAttachment, WirelessInterfacesAreKnownBySysfs) {
  const auto sysfs = std::filesystem::path(testing::TempDir()) / "host_attachment_sysfs";
  std::filesystem::remove_all(sysfs);
  std::filesystem::create_directories(sysfs / "class/net/wlan0/phy80211");
  std::filesystem::create_directories(sysfs / "class/net/old0/wireless");
  std::filesystem::create_directories(sysfs / "class/net/eth0/queues");
  EXPECT_TRUE(kernel::is_wireless("wlan0", sysfs));
  EXPECT_TRUE(kernel::is_wireless("old0", sysfs));
  EXPECT_FALSE(kernel::is_wireless("eth0", sysfs));
  EXPECT_FALSE(kernel::is_wireless("gone0", sysfs));
  std::filesystem::remove_all(sysfs);
}

}  // namespace
}  // namespace anabranch::host
