"""Which country the first digits of a telephone number mean, from the library that reads numbers.

It goes into the shop's catalog beside the rule packs: a function that only needs a number's country then needs neither
the library nor its 15 ms.
"""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

# Canada, the Caribbean and the US territories share +1; the area code tells them apart.
SHARED = 1
AREA_CODES = range(200, 1000)


@lru_cache(maxsize=1)
def calling_codes() -> dict[str, str]:
    """Code, for +1 with the area codes that aren't of the United States, to the country (ISO 3166). Codes of satellites
    and of no country are left out."""
    codes = {
        str(code): regions[0]
        for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
        if regions[0] != "001"
    }
    for area in AREA_CODES:
        # A number of this area code that is valid wherever the area code is: only its first digits matter.
        number = phonenumbers.PhoneNumber(country_code=SHARED, national_number=int(f"{area}2345678"))
        country = phonenumbers.region_code_for_number(number)
        if country is not None and country != codes[str(SHARED)]:
            codes[f"{SHARED}{area}"] = country
    return codes
