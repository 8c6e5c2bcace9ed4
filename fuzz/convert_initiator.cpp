// SPDX-License-Identifier: MIT
// A Convert client that hears the input instead of a converter: the first octet says what it asked,
// the second how much comes at a time. Whatever comes, it decides once and can say why not.
#include <algorithm>
#include <optional>

#include "input.hpp"
#include "signalling/convert.hpp"
#include "wire/convert.hpp"

using namespace anabranch;
using namespace anabranch::signalling;
using fuzz::require;

namespace {

std::unique_ptr<Initiator> made(std::uint8_t how) {
  ConvertInitiatorSettings settings;
  settings.ask_supported = (how & 1) != 0;
  if ((how & 2) != 0) settings.cookie = Octets(16, 0x77);
  auto out = (how & 4) != 0 ? convert_inquiry(settings) : convert_initiator(settings);
  Request request{{IpAddress::v4(0xc0000250), 443}};
  if ((how & 8) != 0) request.options = {{30}};
  require(wire::decode_convert(out->opening(request)).has_value(), "we are understood");
  return out;
}

void look_at(const Failed& failed, std::uint8_t how) {
  require(!failed.reason.empty(), "a failure has a reason");
  require(failed.verdict != Verdict::kEstablished, "which is not success");
  require(failed.cookie.empty() || (how & 2) == 0, "a cookie is fetched once");
  require(!failed.cookie_refused || (how & 2) != 0, "what was not shown was not refused");
  require(failed.wait <= std::chrono::seconds(255), "an octet of seconds");
  if (failed.cookie.empty()) return;
  ConvertInitiatorSettings again;
  again.cookie = failed.cookie;
  require(!convert_initiator(again)->opening({{IpAddress::v4(1), 1}}).empty(),
          "a cookie that is taken can be shown");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const auto how = input.octet();
  const std::size_t step = 1 + input.octet() % 64;
  const auto heard = input.take(size);
  const auto initiator = made(how);
  std::optional<std::size_t> said;
  for (std::size_t there = 0; !said && there < heard.size();) {
    there = std::min(there + step, heard.size());
    const auto answer = initiator->hear(heard.first(there));
    require(!std::holds_alternative<Say>(answer), "one exchange");
    if (std::holds_alternative<NeedMore>(answer)) {
      require(there < wire::kConvertMaxMessage, "a message has an end");
      continue;
    }
    said = answer.index();
    if (const auto* failed = std::get_if<Failed>(&answer)) look_at(*failed, how);
    if (const auto* accepted = std::get_if<Accepted>(&answer)) {
      require(accepted->consumed >= wire::kConvertHeader && accepted->consumed <= there,
              "what is consumed was there");
      require((how & 4) == 0 || accepted->supported.has_value(), "a question has its answer");
    }
  }
  const auto at_once = made(how)->hear(heard).index();
  require(said ? *said == at_once : at_once == 0, "pieces change nothing");
  return 0;
}
