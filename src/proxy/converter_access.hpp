// SPDX-License-Identifier: MIT
// Who may go where through the converter. Pure.
#pragma once

#include <string_view>

#include "base/endpoint.hpp"
#include "proxy/converter_settings.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::proxy {

struct Access {
  signalling::Verdict verdict = signalling::Verdict::kEstablished;  ///< or kNotAuthorized
  /// Of a refusal, a name for counters and logs: "client", "itself", "rule", "destination".
  std::string_view reason = {};
  const ProxyRule* rule = nullptr;  ///< of the settings; null: none holds
  bool allowed() const { return verdict == signalling::Verdict::kEstablished; }
};

/// `own`: where the client reached us, which is no destination (a converter that connects to itself
/// would never end).
Access access(const ConverterSettings& settings, const IpAddress& client,
              const Endpoint& destination, const Endpoint& own);

/// Of the client alone.
Access client_access(const ConverterSettings& settings, const IpAddress& client);

}  // namespace anabranch::proxy
