// SPDX-License-Identifier: MIT
#include "host/report.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace anabranch::host {
namespace {

Report with_paths(std::initializer_list<PathState> states) {
  Report out;
  out.interface = "eth0";
  out.support = Discovery::Support::kYes;
  for (const auto state : states) {
    ReportedPath path;
    path.index = static_cast<unsigned>(out.paths.size() + 1);
    path.state = state;
    out.paths.push_back(path);
  }
  return out;
}

TEST(ReportSentence, CountsThePathsThatCanBeUsed) {
  EXPECT_EQ(report_sentence(with_paths({PathState::kUp, PathState::kNoOffer, PathState::kUp})),
            "2 of 3 paths up");
  EXPECT_EQ(report_sentence(with_paths({PathState::kDown, PathState::kAcquiring})),
            "0 of 2 paths up");
}

TEST(ReportSentence, APathWithTwoAddressesIsOnePath) {
  auto report = with_paths({PathState::kUp, PathState::kAcquiring});
  report.paths.push_back({.index = 1, .family = Family::kIpv6, .state = PathState::kAcquiring});
  report.paths.push_back({.index = 2, .family = Family::kIpv6, .state = PathState::kUp});
  EXPECT_EQ(report_sentence(report), "2 of 2 paths up");
}

TEST(ReportJson, HasAnEntryForEachAddressWithItsDomain) {
  auto report = with_paths({PathState::kWithdrawn});
  report.paths[0].domain = "isp1.example";
  report.paths.push_back({.index = 1, .family = Family::kIpv6, .state = PathState::kUp});
  const auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json["paths"][0]["state"], "withdrawn");
  EXPECT_EQ(json["paths"][0]["family"], "ipv4");
  EXPECT_EQ(json["paths"][0]["pvd"], "isp1.example");
  EXPECT_EQ(json["paths"][1]["family"], "ipv6");
  EXPECT_TRUE(json["paths"][1]["pvd"].is_null());
}

TEST(ReportJson, CountsWhatLedToNothing) {
  auto report = with_paths({PathState::kUp});
  report.paths[0].ignored = 7;
  report.advertisements = {.used = 3, .refused = 2, .ignored = 1};
  const auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json["paths"][0]["ignored"], 7);
  EXPECT_EQ(json["advertisements"], nlohmann::json({{"used", 3}, {"refused", 2}, {"ignored", 1}}));
}

TEST(ReportJson, TellsOfConvertersAlsoWhereThereAreNoFurtherPaths) {
  Report report;
  report.support = Discovery::Support::kNo;
  report.converters = {{Endpoint::parse("198.18.9.9:5124").value(), {1}}};
  EXPECT_EQ(nlohmann::json::parse(report_json(report))["converters"],
            nlohmann::json::parse(R"([{"endpoint":"198.18.9.9:5124","paths":[1]}])"));
}

TEST(ReportSentence, SaysWhatIsKnownOfTheNetwork) {
  Report report;
  EXPECT_EQ(report_sentence(report),
            "neither a DHCP server nor a Router Advertisement has told of paths yet");
  report.support = Discovery::Support::kNo;
  EXPECT_EQ(report_sentence(report), "the network offers no further paths");
}

}  // namespace
}  // namespace anabranch::host
