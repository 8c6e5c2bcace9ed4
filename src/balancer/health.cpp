// SPDX-License-Identifier: MIT
#include "balancer/health.hpp"

namespace anabranch::balancer {

bool Health::take(const HealthCheck& check, const std::string& trouble, MonotonicTime now) {
  const bool good = trouble.empty();
  ++(good ? passed_ : failed_);
  if (!good) trouble_ = trouble;
  if (verdict_ != Verdict::kUnknown) {
    if (good == up()) {
      against_ = 0;
      return false;
    }
    if (++against_ < (good ? check.rise : check.fall)) return false;
  }
  const bool was_up = up();
  verdict_ = good ? Verdict::kUp : Verdict::kDown;
  since_ = now;
  against_ = 0;
  return up() != was_up;
}

}  // namespace anabranch::balancer
