// SPDX-License-Identifier: MIT
#include "lab/progress.hpp"

#include <cstdlib>
#include <sstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "report_fixture.hpp"

namespace anabranch::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) out.push_back(line);
  return out;
}

ProgressState two_paths() {
  return {.title = "One host, two providers",
          .steps = 5,
          .step = 2,
          .what = "transfer over both paths",
          .expected = seconds(10),
          .elapsed = milliseconds(6200),
          .paths = {{"provider 1", BitRate::mbit(19.2), 22.1, 23400000},
                    {"provider 2", BitRate::mbit(28.7), 0, 35000000}},
          .unicode = true,
          .colours = false};
}

/// Everything that can be read from `fd` now.
std::string drain(int fd) {
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  std::string out;
  char buffer[4096];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(n));
  return out;
}

TEST(ProgressRender, SaysStepTimeAndPaths) {
  const auto text = render(80, two_paths());
  EXPECT_THAT(text, HasSubstr("step 2 of 5  transfer over both paths"));
  EXPECT_THAT(text, HasSubstr(" 62 %  6.2 of 10.0 s"));
  EXPECT_THAT(text, HasSubstr("19.2 Mbit/s    22.1 ms    23.4 MB"));
  EXPECT_THAT(text, HasSubstr("28.7 Mbit/s          -      35 MB"));
}

TEST(ProgressRender, NoLineIsEverWiderThanTheTerminal) {
  auto state = two_paths();
  state.paths.push_back(
      {"a path with a name far too long for any table, größer", BitRate::mbit(123456), 1e9, ~0ull});
  for (const bool unicode : {true, false})
    for (const bool colours : {true, false})
      for (unsigned width = 20; width <= 200; ++width)
        for (const int seconds_gone : {0, 3, 10, 99}) {
          state.unicode = unicode;
          state.colours = colours;
          state.elapsed = seconds(seconds_gone);
          for (const auto& line : lines_of(render(width, state)))
            ASSERT_LE(visible_columns(line), width) << line;
        }
}

TEST(ProgressRender, ShowsEveryFigureAtSixtyColumns) {
  const auto text = render(60, two_paths());
  EXPECT_THAT(text, HasSubstr("octets"));
  EXPECT_THAT(text, HasSubstr("22.1 ms"));
  EXPECT_THAT(text, HasSubstr("█"));
}

TEST(ProgressRender, TheBarIsFullAtTheEndAndStaysFullWhenTheStepIsLate) {
  auto state = two_paths();
  state.paths.clear();
  state.unicode = false;
  for (const int gone : {10, 25}) {
    state.elapsed = seconds(gone);
    EXPECT_THAT(render(60, state), Not(HasSubstr("#.")));
    EXPECT_THAT(render(60, state), HasSubstr("100 %"));
  }
  state.elapsed = {};
  EXPECT_THAT(render(60, state), Not(HasSubstr("#")));
}

TEST(ProgressRender, ATerminalWithoutUtf8GetsAsciiOnly) {
  auto state = two_paths();
  state.unicode = false;
  for (const char c : render(80, state)) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
}

TEST(ProgressRender, AStepOfUnknownLengthHasNoBar) {
  auto state = two_paths();
  state.expected = {};
  EXPECT_THAT(render(80, state), Not(HasSubstr("░")));
}

TEST(Progress, InAPipeAStepIsOneLineAtItsStartAndOneAtItsEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  {
    Progress progress(writer.get(), "Failover", 2);
    progress.step("transfer", seconds(10));
    for (int i = 0; i < 50; ++i) progress.update(two_paths().paths, milliseconds(100 * i));
    progress.note("uplink 1 cut");
    progress.finish_step("46.7 Mbit/s");
    progress.step("check", {});
  }
  EXPECT_EQ(drain(reader.get()),
            "Failover\n[1/2] transfer\nuplink 1 cut\n[1/2] transfer: 46.7 Mbit/s\n[2/2] check\n");
}

TEST(Progress, OnATerminalTheBlockIsRedrawnInPlaceAndErasedAtTheEnd) {
  const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY));
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0)
    GTEST_SKIP() << "no pseudo-terminals here";
  const UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY));
  ASSERT_TRUE(terminal);
  const winsize size{.ws_row = 24, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(terminal.get(), TIOCSWINSZ, &size), 0);
  ::setenv("TERM", "xterm", 1);
  {
    Progress progress(terminal.get(), "Failover", 1);
    progress.step("transfer", seconds(10));
    drain(master.get());
    progress.update(two_paths().paths, seconds(1));
    // Title, step and bar were there; the paths are new.
    EXPECT_THAT(drain(master.get()), testing::StartsWith("\r\x1b[3A\x1b[J"));
    progress.update(two_paths().paths, seconds(2));
    const auto frame = drain(master.get());
    EXPECT_THAT(frame, testing::StartsWith("\r\x1b[6A\x1b[J"));
    progress.finish_step("46.7 Mbit/s");
    EXPECT_THAT(drain(master.get()), HasSubstr("\x1b[6A\x1b[J[1/1] transfer: 46.7 Mbit/s"));
  }
  EXPECT_EQ(drain(master.get()), "");
}

TEST(Progress, ADumbTerminalIsNotDrawnOn) {
  const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY));
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0)
    GTEST_SKIP() << "no pseudo-terminals here";
  const UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY));
  ::setenv("TERM", "xterm", 1);
  EXPECT_TRUE(is_live_terminal(terminal.get()));
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(is_live_terminal(terminal.get()));
}

TEST(FinalTable, AlignsFiguresAndMarksWhatWasMissed) {
  auto result = fixture::sixteen_hosts();
  result.measurements.resize(2);
  EXPECT_EQ(final_table(result, false),
            "Measured\n"
            "  goodput_before_cut  46.72  Mbit/s\n"
            "  longest_gap         157.2  ms\n"
            "Expected\n"
            "  aggregation     0.971  >= 0.95  ok\n"
            "  longest_gap_ms  157.2  <= 800   ok\n"
            "  payload_intact      1  == 1     ok\n"
            "  fairness         0.81  >= 0.9   MISSED\n"
            "sixteen-hosts: MISSED, 1 of 4 expectations do not hold\n");
}

TEST(FinalTable, ShowsTablesAndLeavesDetailsToTheFiles) {
  ScenarioResult result;
  result.scenario = "pairs";
  result.measurements = {{"rounds", 2, "count"}, {"known_A_ratio", 1, "ratio", true}};
  result.tables = {
      {"Ratios", {"pair", "least", "most"}, {{"A", "1", "1.05"}, {"Z10", "0.9", "1"}}}};
  EXPECT_EQ(final_table(result, false),
            "Measured\n"
            "  rounds  2  count\n"
            "Ratios\n"
            "  pair  least  most\n"
            "  A         1  1.05\n"
            "  Z10     0.9     1\n"
            "pairs: nothing was expected\n");
}

TEST(FinalTable, ColoursOnlyWhenAsked) {
  const auto result = fixture::sixteen_hosts();
  EXPECT_THAT(final_table(result, false), Not(HasSubstr("\x1b")));
  EXPECT_THAT(final_table(result, true), HasSubstr("\x1b[1;31mMISSED\x1b[0m"));
}

}  // namespace
}  // namespace anabranch::lab
