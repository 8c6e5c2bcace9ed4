// SPDX-License-Identifier: MIT
#include "manual/page.hpp"

#include <algorithm>
#include <cctype>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manual/role_files.hpp"

namespace anabranch::manual {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Command& object(const Command& all, std::string_view name) {
  return *std::ranges::find(all.commands, name, &Command::name);
}

TEST(CommandLine, IsKnownWithoutBeingRun) {
  const Command all = command_line();
  EXPECT_EQ(all.name, "anabranch");
  const Command& run = object(object(all, "host"), "run");
  ASSERT_EQ(run.positionals.size(), 1u);
  EXPECT_EQ(run.positionals[0].name, "IFACE");
  EXPECT_TRUE(run.positionals[0].required);
  EXPECT_TRUE(object(all, "run").positionals[0].many);
}

TEST(CommandLine, WhatHelpHidesIsHidden) {
  const Command all = command_line();
  EXPECT_EQ(std::ranges::count(object(all, "lab").commands, "wire", &Command::name), 0);
}

/// Every command and option of one style: a capital first, no full stop.
void expect_style(const Command& command) {
  SCOPED_TRACE(command.name);
  const auto styled = [](const std::string& what) {
    return !what.empty() && std::isupper(static_cast<unsigned char>(what.front())) != 0 &&
           !what.ends_with('.');
  };
  EXPECT_TRUE(styled(command.what)) << command.what;
  for (const auto& option : command.options) EXPECT_TRUE(styled(option.what)) << option.what;
  for (const auto& one : command.positionals) EXPECT_TRUE(styled(one.what)) << one.what;
  for (const auto& below : command.commands) expect_style(below);
}

TEST(CommandLine, HelpHasOneStyle) {
  expect_style(command_line());
}

TEST(CommandPage, TellsVerbsWithTheirOptions) {
  const Command all = command_line();
  const auto page = command_page(object(all, "gateway"), "1.2",
                                 ".SH DESCRIPTION\nProse.\n@COMMANDS@\n.SH FILES\n", "");
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_THAT(*page,
              ::testing::StartsWith(
                  ".TH ANABRANCH\\-GATEWAY 8 \"\" \"anabranch 1.2\" \"Anabranch\"\n.SH NAME\n"
                  "anabranch\\-gateway \\- router with several uplinks"));
  EXPECT_THAT(*page, HasSubstr("\\fBanabranch gateway check\\fR [\\fB\\-c\\fR \\fIFILE\\fR]\n"));
  EXPECT_THAT(*page, HasSubstr(".SH DESCRIPTION\nProse.\n.SH COMMANDS\n.TP\n\\fBrun\\fR"));
  EXPECT_THAT(*page, HasSubstr("\\fB\\-c\\fR, \\fB\\-\\-config\\fR \\fIFILE\\fR\n"
                               "Configuration file. Default: /etc/anabranch/gateway.toml.\n"));
}

TEST(CommandPage, TellsVerbsOfAnObjectInAnObject) {
  const Command all = command_line();
  const auto page = command_page(object(all, "balancer"), "1.2", "@COMMANDS@\n", "");
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_THAT(*page, HasSubstr("\\fBanabranch balancer server show\\fR [\\fB\\-j\\fR]\n"));
  EXPECT_THAT(*page, HasSubstr(".TP\n\\fBserver run\\fR [\\fB\\-c\\fR \\fIFILE\\fR] "
                               "[\\fB\\-\\-name\\fR \\fISERVER\\fR]\n"));
}

TEST(CommandPage, ExitCodesAreThoseOfTheirDocument) {
  const Command all = command_line();
  const auto page = command_page(
      object(all, "doctor"), "1.2", "@EXIT_STATUS@\n",
      "# Exit codes\n| code | meaning |\n| --- | --- |\n"
      "| 0 | done; for `lab run`: all; for `doctor`: every |\n| 4 | not running |\n\nText.\n");
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_THAT(*page, HasSubstr(".SH EXIT STATUS\n.TP\n\\fB0\\fR\ndone; for doctor: every\n"
                               ".TP\n\\fB4\\fR\nnot running\n"));
}

TEST(CommandPage, AMarkerNobodyKnowsIsAnError) {
  EXPECT_FALSE(command_page(command_line(), "1.2", "@SETTINGS@\n", ""));
}

TEST(FilePage, TellsKindFallbackAndSections) {
  const auto& gateway = role_files()[0];
  const auto page = file_page(gateway.role, gateway.settings, "1.2", "@SETTINGS@\n");
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_THAT(*page, HasSubstr(".SS [[uplink]]\n"));
  EXPECT_THAT(*page, HasSubstr("\\fBindex\\fR (whole number from 1 to 64, needed)\n"));
  EXPECT_THAT(*page, HasSubstr("Default: \"masquerade\".\n"));
  EXPECT_THAT(*page, HasSubstr(".SS [dhcp.lease_database]\n"));
  EXPECT_THAT(*page, HasSubstr("dhcp = VALUE before the first section"));
  EXPECT_THAT(*page, Not(HasSubstr("%")));
}

TEST(FilePage, TextCannotBecomeARequest) {
  static constexpr config::Setting kSetting{
      .key = "path", .help = ".so is \\ a --word like kea-admin.", .fallback = "x"};
  const auto page = file_page("x", {&kSetting, 1}, "1.2", "@SETTINGS@\n");
  EXPECT_THAT(*page, HasSubstr("\n\\&.so is \\e a \\-\\-word like kea-admin."));
}

}  // namespace
}  // namespace anabranch::manual
