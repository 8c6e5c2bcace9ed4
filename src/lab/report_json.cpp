// SPDX-License-Identifier: MIT
#include "lab/report_json.hpp"

#include <nlohmann/json.hpp>

namespace anabranch::lab {

std::string report_json(const ScenarioResult& result) {
  using Json = nlohmann::ordered_json;
  Json measurements = Json::object();
  for (const auto& measurement : result.measurements)
    measurements[measurement.name] = {{"value", measurement.value}, {"unit", measurement.unit}};
  Json expectations = Json::array();
  for (const auto& expectation : result.expectations)
    expectations.push_back({{"name", expectation.name},
                            {"value", expectation.value},
                            {"bound", expectation.bound},
                            {"ok", expectation.ok}});
  const Json report = {{"scenario", result.scenario},
                       {"kernel", result.kernel},
                       {"version", result.version},
                       {"measurements", std::move(measurements)},
                       {"expectations", std::move(expectations)},
                       {"ok", result.ok()}};
  // Text that is not UTF-8 (a peer's message in a name) must not cost the report.
  return report.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace anabranch::lab
