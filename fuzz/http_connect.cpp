// SPDX-License-Identifier: MIT
// A head of an HTTP request: refused with a status and a reason, or a CONNECT to an address or to a
// name that no resolver takes for an address. Both the same in pieces and at once.
#include "signalling/http_connect.hpp"

#include <algorithm>
#include <string_view>

#include "input.hpp"

using namespace anabranch;
using namespace anabranch::signalling;
using fuzz::require;

namespace {

void look_at(const Request& request) {
  require(request.endpoint.port != 0, "a destination has a port");
  require(request.options.empty(), "nobody asked for options");
  if (request.name.empty()) return;
  require(!IpAddress::parse(request.name), "an address is no name");
  require(request.name.find_first_of("@/[]%: \t\r\n") == std::string::npos, "a name is a name");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const std::size_t step = 16 + input.octet();
  const auto heard = input.take(size);
  const auto acceptor = http_connect_acceptor();
  const auto at_once = acceptor->hear(heard);
  for (std::size_t there = 0;;) {
    const auto answer = acceptor->hear(heard.first(there));
    if (!std::holds_alternative<NeedMore>(answer) || there == heard.size()) {
      require(answer.index() == at_once.index(), "pieces change nothing");
      break;
    }
    require(there < kMaxSetupOctets, "a head has an end");
    there = std::min(there + step, heard.size());
  }
  if (const auto* asked = std::get_if<Asked>(&at_once)) {
    require(asked->consumed <= heard.size() && heard[asked->consumed - 1] == '\n',
            "a head ends with a line");
    look_at(asked->request);
  }
  if (const auto* refusal = std::get_if<Refusal>(&at_once)) {
    const std::string_view reply(reinterpret_cast<const char*>(refusal->reply.data()),
                                 refusal->reply.size());
    require(!refusal->reason.empty() && !refusal->reset, "a refusal has a reason");
    require(reply.starts_with("HTTP/1.1 ") && reply.ends_with("\r\n\r\n"), "and is a response");
  }
  return 0;
}
