// SPDX-License-Identifier: MIT
// Whether a server serves, from the outcomes of its checks. One check that fails is no reason to
// move clients and one that passes none to move them back: hence rise and fall. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/endpoint.hpp"
#include "base/units.hpp"

namespace anabranch::balancer {

/// What a check asks, in the order of the setting's choices.
enum class CheckKind : std::uint8_t { kNone, kTcp, kHttp, kMptcp };

struct HealthCheck {
  CheckKind kind = CheckKind::kNone;
  nanoseconds interval{};
  nanoseconds timeout{};
  unsigned rise = 1;
  unsigned fall = 1;
  std::string path = {};   ///< of an HTTP request
  unsigned status = 0;     ///< 0: any of 2xx and 3xx
  std::uint16_t port = 0;  ///< 0: the service's

  bool operator==(const HealthCheck&) const = default;
};

/// Of one server for one service.
class Health {
 public:
  enum class Verdict : std::uint8_t { kUnknown, kUp, kDown };

  /// `trusted`: it counts as up until its first check has said otherwise.
  Health(MonotonicTime now, bool trusted) : trusted_(trusted), since_(now) {}

  /// Takes the outcome of a check; `trouble` is empty when it passed. The first one decides at
  /// once, later ones decide together. True when up() is another one now.
  bool take(const HealthCheck& check, const std::string& trouble, MonotonicTime now);

  bool up() const { return verdict_ == Verdict::kUnknown ? trusted_ : verdict_ == Verdict::kUp; }
  Verdict verdict() const { return verdict_; }
  /// When the verdict came.
  MonotonicTime since() const { return since_; }
  /// Of the last check that failed.
  const std::string& trouble() const { return trouble_; }
  std::uint64_t passed() const { return passed_; }
  std::uint64_t failed() const { return failed_; }

 private:
  bool trusted_;
  Verdict verdict_ = Verdict::kUnknown;
  MonotonicTime since_;
  unsigned against_ = 0;  ///< outcomes in a row that contradict the verdict
  std::string trouble_;
  std::uint64_t passed_ = 0;
  std::uint64_t failed_ = 0;
};

/// By service and server id; those that are not checked are not there.
using HealthStates = std::map<std::pair<Endpoint, std::uint16_t>, Health>;

}  // namespace anabranch::balancer
