// SPDX-License-Identifier: MIT
// Frames through the BPF programs: the same tests for XDP and tc.
#pragma once

#include <optional>

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "support/steered.hpp"

namespace anabranch::balancer {

using kernel::BalancerHook;
using kernel::BalancerPlane;

struct Outcome {
  bool dropped = false;
  std::uint32_t server = 0;  ///< 0: left to the machine
  test::Octets frame;
};

class SteeredFrames : public ::testing::TestWithParam<BalancerHook> {
 protected:
  static constexpr std::uint32_t kRemembered = 1000;  ///< connections, and tokens

  void SetUp() override {
    auto opened =
        BalancerPlane::open({.pins = {}, .connections = kRemembered, .tokens = kRemembered});
    if (!opened) {
      // A program that the kernel's verifier refuses must not pass for a missing privilege.
      ASSERT_NE(opened.error().what.find("not permitted"), std::string::npos)
          << opened.error().what;
      GTEST_SKIP() << opened.error().what;
    }
    plane.emplace(*std::move(opened));
    test::must(plane->set_limits({.inserts_per_second = 1000}));
    test::fill(*plane);
  }

  Outcome steer(const test::Octets& octets) const {
    const auto run = test::must(plane->run(GetParam(), octets));
    const bool is_tc = GetParam() == BalancerHook::kTc;
    Outcome out{.frame = run.frame};
    out.dropped = run.verdict == (is_tc ? std::uint32_t{TC_ACT_SHOT} : std::uint32_t{XDP_DROP});
    if (run.verdict == (is_tc ? std::uint32_t{TC_ACT_REDIRECT} : std::uint32_t{XDP_TX}))
      out.server = run.frame.at(5);
    else
      EXPECT_TRUE(out.dropped ||
                  run.verdict == (is_tc ? std::uint32_t{TC_ACT_OK} : std::uint32_t{XDP_PASS}));
    return out;
  }
  std::uint32_t server_of(const test::Segment& segment) const {
    return steer(frame(segment)).server;
  }

  std::uint64_t count(std::uint32_t what, std::uint32_t service = 0) const {
    return test::must(plane->counts(service)).packets[what];
  }
  /// By what the decision was made for the only frame so far.
  void expect_only(steer_reason reason, std::uint32_t service = 0) const {
    const auto counts = test::must(plane->counts(service));
    for (std::uint32_t i = 0; i < STEER_REASONS; ++i)
      EXPECT_EQ(counts.packets[i], i == static_cast<std::uint32_t>(reason) ? 1U : 0U) << i;
  }
  void give_ring(std::uint32_t service, const std::vector<RingServer>& servers) {
    test::give_ring(*plane, service, servers);
  }

  std::optional<BalancerPlane> plane;
};

inline std::string hook_of(const ::testing::TestParamInfo<BalancerHook>& about) {
  return about.param == BalancerHook::kTc ? "tc" : "xdp";
}

}  // namespace anabranch::balancer
