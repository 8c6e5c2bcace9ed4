// SPDX-License-Identifier: MIT
// A Convert message: refused with a name and, if any, an error that can be written; or one that
// survives being written and read again.
#include "input.hpp"
#include "wire/convert.hpp"

using namespace anabranch;
using fuzz::require;

namespace {

void look_at(const wire::ConvertFault& fault) {
  require(!fault.what.empty(), "a fault has a name");
  if (fault.answer)
    require(static_cast<unsigned>(*fault.answer) < 32, "a fault of a message has its class");
}

void look_at(const wire::ConvertMessage& message, std::size_t size) {
  const auto octets = wire::encode(message);
  require(octets.has_value(), "what was read can be written");
  require(octets->size() <= size, "and is not longer");
  require(wire::decode_convert(*octets) == message, "what was read is written back");
  for (const auto& kind : message.supported.value_or(std::vector<std::uint8_t>{}))
    require(kind != 0, "padding is no kind");
  if (!message.connect) return;
  for (const auto& option : message.connect->options)
    require(option.kind > wire::tcp_kind::kNoOperation, "options of a Connect have lengths");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> octets{data, size};
  const auto length = wire::convert_length(octets);
  require(std::holds_alternative<wire::ConvertMore>(length) == (size < wire::kConvertHeader),
          "a header is judged when it is there");
  if (const auto* fault = std::get_if<wire::ConvertFault>(&length)) look_at(*fault);
  const auto whole = wire::decode_convert(octets);
  require(!whole || std::get<std::size_t>(length) == size, "a message is as long as it says");
  if (const auto* total = std::get_if<std::size_t>(&length)) {
    require(*total >= wire::kConvertHeader && *total <= wire::kConvertMaxMessage, "bounds");
    if (*total > size) return 0;
    const auto message = wire::decode_convert(octets.first(*total));
    if (message)
      look_at(*message, *total);
    else
      look_at(message.error());
  }
  return 0;
}
