// SPDX-License-Identifier: MIT
#include "lab/proxy_cases.hpp"

#include <array>

#include <fmt/format.h>

#include "lab/proxy_pair.hpp"
#include "lab/proxy_pair_roles.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr std::array kParts{kAggregatePart, kFailoverPart, kProgramsPart};
constexpr std::string_view kOutgoing = "outgoing";
constexpr std::string_view kIncoming = "incoming";
constexpr std::array kOpeners{kOutgoing, kIncoming};
constexpr std::string_view kIpv4 = "ipv4";
constexpr std::string_view kIpv6 = "ipv6";
constexpr std::array kFamilies{kIpv4, kIpv6};
constexpr std::string_view kDownload = "download";
constexpr std::string_view kUpload = "upload";
constexpr std::array kDirections{kDownload, kUpload};

constexpr std::uint16_t kServerPort = 80;

bool wants(const Choice& choice, const ProxyCase& candidate) {
  return choice.wants(candidate.opener == Opener::kHost ? kOutgoing : kIncoming, kOpeners) &&
         choice.wants(candidate.family == Family::kIpv4 ? kIpv4 : kIpv6, kFamilies) &&
         choice.wants(candidate.upload ? kUpload : kDownload, kDirections);
}

/// Half of the eight, of which no two differ in one thing only.
bool in_the_fair_part(const ProxyCase& candidate) {
  const int odd = (candidate.opener == Opener::kRemote ? 1 : 0) +
                  (candidate.family == Family::kIpv6 ? 1 : 0) + (candidate.upload ? 1 : 0);
  return odd % 2 == 0;
}

}  // namespace

std::string ProxyCase::name() const {
  return fmt::format("{}{}{}", opener == Opener::kRemote ? "incoming_" : "", upload ? "up" : "down",
                     family == Family::kIpv4 ? "" : "_ipv6");
}

std::string ProxyCase::title() const {
  return fmt::format("{}{} over {}", direction_name(upload),
                     opener == Opener::kRemote ? " from outside" : "", family_name(family));
}

TransferPlan ProxyCase::transfer(nanoseconds duration) const {
  const bool outgoing = opener == Opener::kHost;
  return {.client = outgoing ? "host" : "server",
          .server = outgoing ? "server" : "host",
          .server_address = outgoing ? server_address(family) : converter_address(family),
          .port = outgoing ? kServerPort : kIncomingPort,
          .upload = upload == outgoing,
          .mptcp = false,
          .duration = duration};
}

ProxyPlan proxy_plan(Scale scale) {
  switch (scale) {
    case Scale::kQuick:
      return {seconds(6), seconds(2), milliseconds(1500), milliseconds(1500), 1, false};
    case Scale::kNormal:
      return {seconds(15), seconds(4), seconds(3), seconds(3), 1, true};
    case Scale::kFull:
      return {seconds(15), seconds(4), seconds(3), seconds(3), 10, true};
  }
  return {};
}

ProxyPlan proxy_plan(const ScenarioRun& run) {
  ProxyPlan plan = proxy_plan(run.scale);
  if (run.choice.runs > 0) plan.rounds = run.choice.runs;
  return plan;
}

bool wants_part(const Choice& choice, std::string_view part) {
  return choice.wants(part, kParts);
}

std::vector<std::string_view> proxy_words() {
  std::vector<std::string_view> out(kParts.begin(), kParts.end());
  for (const auto& kind : {kOpeners, kFamilies, kDirections})
    out.insert(out.end(), kind.begin(), kind.end());
  return out;
}

std::vector<ProxyCase> proxy_cases(const Choice& choice, bool whole) {
  std::vector<ProxyCase> out;
  std::vector<ProxyCase> fair;
  for (const auto opener : {Opener::kHost, Opener::kRemote})
    for (const auto family : {Family::kIpv4, Family::kIpv6})
      for (const bool upload : {false, true}) {
        const ProxyCase candidate{opener, family, upload};
        if (!wants(choice, candidate)) continue;
        out.push_back(candidate);
        if (in_the_fair_part(candidate)) fair.push_back(candidate);
      }
  return whole || fair.empty() ? out : fair;
}

std::vector<ProxyCut> proxy_cuts(const Choice& choice, bool whole) {
  std::vector<ProxyCut> out;
  for (const auto& transfer : proxy_cases(choice, whole))
    for (const unsigned uplink : {1U, 2U})
      if (whole || uplink == (transfer.family == Family::kIpv4 ? 1U : 2U))
        out.push_back({transfer, uplink});
  return out;
}

const std::vector<LinkProfile>& proxy_uplinks() {
  static const std::vector<LinkProfile> out = {
      {.rate = BitRate::mbit(20), .delay = milliseconds(10), .queue = milliseconds(50)},
      {.rate = BitRate::mbit(30), .delay = milliseconds(25), .queue = milliseconds(50)}};
  return out;
}

}  // namespace anabranch::lab
