// SPDX-License-Identifier: MIT
#include "lab/result.hpp"

#include <algorithm>

#include "lab/report_text.hpp"

namespace anabranch::lab {

// A comparison with NaN is false, so a figure that could not be measured never passes.

Expectation at_least(std::string name, double value, double bound) {
  return {std::move(name), value, ">= " + plain_number(bound), value >= bound};
}

Expectation at_most(std::string name, double value, double bound) {
  return {std::move(name), value, "<= " + plain_number(bound), value <= bound};
}

Expectation holds(std::string name, bool condition) {
  return {std::move(name), condition ? 1.0 : 0.0, "== 1", condition};
}

bool ScenarioResult::ok() const {
  return std::ranges::all_of(expectations, &Expectation::ok);
}

}  // namespace anabranch::lab
