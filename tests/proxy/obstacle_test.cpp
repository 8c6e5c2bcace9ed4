// SPDX-License-Identifier: MIT
#include "proxy/obstacle.hpp"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/directories.hpp"
#include "proxy/converter_setting_definitions.hpp"
#include "proxy/converter_settings.hpp"

namespace anabranch::proxy {
namespace {

namespace key = definition::converter;

class ObstacleOf : public ::testing::Test {
 protected:
  ObstacleOf() {
    EXPECT_TRUE(replace_file(file_,
                             "[clients]\nallow = [\"192.0.2.0/24\"]\n"
                             "[[incoming]]\nname = \"a\"\nlisten = \"192.0.2.1:80\"\n"
                             "client = \"192.0.2.7:80\"\n"
                             "[[incoming]]\nname = \"b\"\nlisten = \"192.0.2.2:80\"\n"
                             "client = \"192.0.2.7:80\"\n"));
  }
  ~ObstacleOf() override { std::filesystem::remove(file_); }

  std::string complaint(const Obstacle& obstacle) const {
    const auto settings = load_converter_settings(
        file_, [&](const ConverterSettings&) { return std::optional(obstacle); });
    return settings ? "" : settings.error().text();
  }

  const std::filesystem::path file_ =
      std::filesystem::path(::testing::TempDir()) / ("obstacle-" + std::to_string(::getpid()));
};

TEST_F(ObstacleOf, AnEntryIsToldAtItsKey) {
  EXPECT_EQ(complaint({&key::kIncoming,
                       &definition::incoming::kConverterListen,
                       {.what = "cannot listen", .where = "192.0.2.2:80", .hint = "another port"},
                       1}),
            file_.string() + ":9:10: 192.0.2.2:80: cannot listen\n  hint: another port");
}

TEST_F(ObstacleOf, WhatTheFileDoesNotSayIsToldAtTheFile) {
  EXPECT_TRUE(complaint({&key::kConverter, &key::own::kListen, {.what = "cannot listen"}})
                  .starts_with(file_.string() + ":"));
}

TEST_F(ObstacleOf, NoneIsNoComplaint) {
  const auto settings = load_converter_settings(
      file_, [](const ConverterSettings&) { return std::optional<Obstacle>(); });
  EXPECT_TRUE(settings) << settings.error().text();
}

}  // namespace
}  // namespace anabranch::proxy
