// SPDX-License-Identifier: MIT
#include "status/protocol.hpp"

#include <cstring>

#include <nlohmann/json.hpp>
#include <sys/socket.h>

namespace anabranch::status {

using nlohmann::json;

Result<sockaddr_un> unix_address(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path)
    return fail("the path of the status socket is too long", text, {}, ExitCode::kBadInput);
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

std::string format_request(std::string_view verb, std::string_view argument) {
  json request{{"verb", verb}};
  if (!argument.empty()) request["argument"] = argument;
  return request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Question> parse_request(std::string_view line) {
  const json request = json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("verb") || !request["verb"].is_string() ||
      (request.contains("argument") && !request["argument"].is_string()))
    return fail("a request looks like {\"verb\":\"show\"}", {}, {}, ExitCode::kBadInput);
  Question out{request["verb"].get<std::string>()};
  if (request.contains("argument")) out.argument = request["argument"].get<std::string>();
  return out;
}

std::string format_answer(const Result<std::string>& answer) {
  if (answer) return R"({"ok":true,"result":)" + *answer + "}\n";
  const Error& error = answer.error();
  const json out = {{"ok", false},
                    {"error",
                     {{"what", error.what},
                      {"where", error.where},
                      {"hint", error.hint},
                      {"code", static_cast<int>(error.code)}}}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<std::string> parse_answer(std::string_view line) {
  const json answer = json::parse(line, nullptr, false);
  if (!answer.is_object()) return fail("the role answered with something that is not JSON");
  // Whoever holds the socket may be no role of ours: value() throws on other types than it expects.
  try {
    if (answer.value("ok", false)) return answer.value("result", json()).dump();
    const json error = answer.value("error", json::object());
    return std::unexpected(Error{error.value("what", "the role refused"), error.value("where", ""),
                                 error.value("hint", ""),
                                 static_cast<ExitCode>(error.value("code", 1))});
  } catch (const json::exception&) {
    return fail("the role answered with something that is no answer");
  }
}

}  // namespace anabranch::status
