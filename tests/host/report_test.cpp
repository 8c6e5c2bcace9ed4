// SPDX-License-Identifier: MIT
#include "host/report.hpp"

#include <gtest/gtest.h>

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

TEST(ReportSentence, SaysWhatIsKnownOfTheNetwork) {
  Report report;
  EXPECT_EQ(report_sentence(report), "no DHCP server has answered yet");
  report.support = Discovery::Support::kNo;
  EXPECT_EQ(report_sentence(report), "the network offers no further paths");
}

}  // namespace
}  // namespace anabranch::host
