// SPDX-License-Identifier: MIT
// The shared key: how it is read, and what is made of it.
#include "balancer/control_key.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::balancer {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class KeyFile : public ::testing::Test {
 protected:
  KeyFile() {
    std::string pattern = (fs::temp_directory_path() / "anabranch-key-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~KeyFile() override { fs::remove_all(directory_); }

  fs::path write(std::string_view text, fs::perms mode = fs::perms(0600)) const {
    const auto file = directory_ / "key";
    std::ofstream(file) << text;
    fs::permissions(file, mode);
    return file;
  }
  static std::string trouble(const fs::path& file) {
    const auto key = ControlKey::load(file);
    return key ? "" : key.error().text();
  }

  fs::path directory_;
};

const std::string kKey(32, 'k');
const std::vector<std::uint8_t> kText{'t', 'e', 'x', 't'};

TEST_F(KeyFile, WhiteSpaceAroundTheKeyIsNoPartOfIt) {
  const auto plain = ControlKey::load(write(kKey));
  const auto mac = plain->mac({kText});
  EXPECT_TRUE(ControlKey::load(write(kKey + "\n"))->is_mac(mac, {kText}));
  EXPECT_TRUE(ControlKey::load(write("\n " + kKey + "\r\n\n"))->is_mac(mac, {kText}));
  EXPECT_FALSE(ControlKey::load(write(kKey + "k"))->is_mac(mac, {kText}));
}

TEST_F(KeyFile, OthersMustNotBeAbleToReadIt) {
  EXPECT_EQ(trouble(write(kKey, fs::perms(0600))), "");
  EXPECT_EQ(trouble(write(kKey, fs::perms(0640))), "") << "a group may be made for it";
  EXPECT_THAT(trouble(write(kKey, fs::perms(0644))), HasSubstr("hint: chmod 600"));
  EXPECT_THAT(trouble(write(kKey, fs::perms(0602))), HasSubstr("every user"));
}

TEST_F(KeyFile, WhatIsNoKeyIsRefusedWithAHint) {
  EXPECT_THAT(trouble(write(kKey.substr(1) + "\n")), HasSubstr("less than 32 octets"));
  EXPECT_THAT(trouble(write("")), HasSubstr("head -c 32 /dev/urandom"));
  EXPECT_THAT(trouble(write(std::string(4097, 'k'))), HasSubstr("longer"));
  EXPECT_THAT(trouble(directory_), HasSubstr("no file"));
  EXPECT_THAT(trouble(directory_ / "none"), HasSubstr("No such file"));
}

TEST(ControlKey, MacsAreTheFirstHalfOfHmacSha256) {
  // RFC 4231, test case 2.
  const std::vector<std::uint8_t> key{'J', 'e', 'f', 'e'};
  const std::string text = "what do ya want for nothing?";
  const std::vector<std::uint8_t> octets(text.begin(), text.end());
  const std::array<std::uint8_t, 16> expected{0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e,
                                              0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7};
  EXPECT_THAT(ControlKey(key).mac({octets}), ElementsAreArray(expected));
  const std::span parts = octets;
  EXPECT_TRUE(ControlKey(key).is_mac(expected, {parts.first(5), {}, parts.subspan(5)}));
  EXPECT_FALSE(ControlKey(key).is_mac(std::span(expected).first(15), {octets}));
}

TEST(ControlKey, EveryPurposeHasAKeyOfItsOwn) {
  const ControlKey key(kText);
  const auto mac = key.derive("one", {kText}).mac({kText});
  EXPECT_TRUE(key.derive("one", {kText}).is_mac(mac, {kText}));
  EXPECT_FALSE(key.derive("two", {kText}).is_mac(mac, {kText}));
  EXPECT_FALSE(key.derive("one", {}).is_mac(mac, {kText}));
  EXPECT_FALSE(key.is_mac(mac, {kText}));
}

TEST(ControlKey, AKeyThatCouldNotBeMadeFitsNothing) {
  const ControlKey none(std::span<const std::uint8_t>{});
  EXPECT_FALSE(none.is_mac(none.mac({kText}), {kText}));
}

}  // namespace
}  // namespace anabranch::balancer
