package config

import (
	"time"
	_ "time/tzdata" // for systems that have no rules of time zones, or old ones
)

// Timezone is a place in the appliance's list of time zones, from 1 on; 0 is the zone
// of this machine.
type Timezone uint8

// timezones are the appliance's, in its order: number, line of help, and the place
// whose rules hold.
var timezones = [...]struct{ number, help, place string }{
	{"01", "(GMT-11:00) Midway Island, Samoa", "Pacific/Midway"},
	{"02", "(GMT-10:00) Hawaii", "Pacific/Honolulu"},
	{"03", "(GMT-9:00) Alaska", "America/Anchorage"},
	{"04", "(GMT-8:00) Pacific Time (US & Canada)", "America/Los_Angeles"},
	{"05", "(GMT-7:00) Arizona", "America/Phoenix"},
	{"81", "(GMT-7:00) Baja California Sur, Chihuahua", "America/Mazatlan"},
	{"06", "(GMT-7:00) Mountain Time (US & Canada)", "America/Denver"},
	{"07", "(GMT-6:00) Central America", "America/Guatemala"},
	{"08", "(GMT-6:00) Central Time (US & Canada)", "America/Chicago"},
	{"09", "(GMT-6:00) Mexico City", "America/Mexico_City"},
	{"10", "(GMT-6:00) Saskatchewan", "America/Regina"},
	{"11", "(GMT-5:00) Bogota, Lima, Quito", "America/Bogota"},
	{"12", "(GMT-5:00) Eastern Time (US & Canada)", "America/New_York"},
	{"13", "(GMT-5:00) Indiana (East)", "America/Indiana/Indianapolis"},
	{"74", "(GMT-4:30) Caracas", "America/Caracas"},
	{"14", "(GMT-4:00) Atlantic Time (Canada)", "America/Halifax"},
	{"77", "(GMT-4:00) Georgetown", "America/Guyana"},
	{"15", "(GMT-4:00) La Paz", "America/La_Paz"},
	{"16", "(GMT-4:00) Santiago", "America/Santiago"},
	{"17", "(GMT-3:30) Newfoundland", "America/St_Johns"},
	{"18", "(GMT-3:00) Brasilia", "America/Sao_Paulo"},
	{"19", "(GMT-3:00) Buenos Aires", "America/Argentina/Buenos_Aires"},
	{"20", "(GMT-3:00) Nuuk (Greenland)", "America/Godthab"},
	{"75", "(GMT-3:00) Uruguay", "America/Montevideo"},
	{"21", "(GMT-2:00) Mid-Atlantic", "Etc/GMT+2"},
	{"22", "(GMT-1:00) Azores", "Atlantic/Azores"},
	{"23", "(GMT-1:00) Cape Verde Is.", "Atlantic/Cape_Verde"},
	{"24", "(GMT) Monrovia", "Africa/Monrovia"},
	{"80", "(GMT) Greenwich Mean Time", "Etc/GMT"},
	{"79", "(GMT) Casablanca", "Africa/Casablanca"},
	{"25", "(GMT) Dublin, Edinburgh, Lisbon, London", "Europe/London"},
	{"26", "(GMT+1:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Berlin"},
	{"27", "(GMT+1:00) Belgrade, Bratislava, Budapest, Ljubljana, Prague", "Europe/Prague"},
	{"28", "(GMT+1:00) Brussels, Copenhagen, Madrid, Paris", "Europe/Paris"},
	{"78", "(GMT+1:00) Namibia", "Africa/Windhoek"},
	{"29", "(GMT+1:00) Sarajevo, Skopje, Warsaw, Zagreb", "Europe/Warsaw"},
	{"30", "(GMT+1:00) West Central Africa", "Africa/Lagos"},
	{"31", "(GMT+2:00) Athens, Sofia, Vilnius", "Europe/Athens"},
	{"32", "(GMT+2:00) Bucharest", "Europe/Bucharest"},
	{"33", "(GMT+2:00) Cairo", "Africa/Cairo"},
	{"34", "(GMT+2:00) Harare, Pretoria", "Africa/Johannesburg"},
	{"35", "(GMT+2:00) Helsinki, Riga, Tallinn", "Europe/Helsinki"},
	{"36", "(GMT+2:00) Jerusalem", "Asia/Jerusalem"},
	{"37", "(GMT+3:00) Baghdad", "Asia/Baghdad"},
	{"38", "(GMT+3:00) Kuwait, Riyadh", "Asia/Riyadh"},
	{"83", "(GMT+3:00) Moscow", "Europe/Moscow"},
	{"40", "(GMT+3:00) Nairobi", "Africa/Nairobi"},
	{"41", "(GMT+3:30) Tehran", "Asia/Tehran"},
	{"42", "(GMT+4:00) Abu Dhabi, Muscat", "Asia/Dubai"},
	{"43", "(GMT+4:00) Baku", "Asia/Baku"},
	{"39", "(GMT+3:00) St. Petersburg, Volgograd", "Europe/Volgograd"},
	{"44", "(GMT+4:30) Kabul", "Asia/Kabul"},
	{"46", "(GMT+5:00) Islamabad, Karachi, Tashkent", "Asia/Karachi"},
	{"47", "(GMT+5:30) Kolkata, Chennai, Mumbai, New Delhi", "Asia/Kolkata"},
	{"51", "(GMT+5:30) Sri Jayawardenepara", "Asia/Colombo"},
	{"48", "(GMT+5:45) Kathmandu", "Asia/Kathmandu"},
	{"45", "(GMT+5:00) Ekaterinburg", "Asia/Yekaterinburg"},
	{"49", "(GMT+6:00) Almaty, Novosibirsk", "Asia/Almaty"},
	{"50", "(GMT+6:00) Astana, Dhaka", "Asia/Dhaka"},
	{"52", "(GMT+6:30) Rangoon", "Asia/Yangon"},
	{"53", "(GMT+7:00) Bangkok, Hanoi, Jakarta", "Asia/Bangkok"},
	{"54", "(GMT+7:00) Krasnoyarsk", "Asia/Krasnoyarsk"},
	{"55", "(GMT+8:00) Beijing, ChongQing, HongKong, Urumgi, Irkutsk", "Asia/Shanghai"},
	{"56", "(GMT+8:00) Ulaan Bataar", "Asia/Ulaanbaatar"},
	{"57", "(GMT+8:00) Kuala Lumpur, Singapore", "Asia/Singapore"},
	{"58", "(GMT+8:00) Perth", "Australia/Perth"},
	{"59", "(GMT+8:00) Taipei", "Asia/Taipei"},
	{"60", "(GMT+9:00) Osaka, Sapporo, Tokyo, Seoul", "Asia/Tokyo"},
	{"62", "(GMT+9:30) Adelaide", "Australia/Adelaide"},
	{"63", "(GMT+9:30) Darwin", "Australia/Darwin"},
	{"61", "(GMT+9:00) Yakutsk", "Asia/Yakutsk"},
	{"64", "(GMT+10:00) Brisbane", "Australia/Brisbane"},
	{"65", "(GMT+10:00) Canberra, Melbourne, Sydney", "Australia/Sydney"},
	{"66", "(GMT+10:00) Guam, Port Moresby", "Pacific/Guam"},
	{"67", "(GMT+10:00) Hobart", "Australia/Hobart"},
	{"68", "(GMT+10:00) Vladivostok", "Asia/Vladivostok"},
	{"69", "(GMT+10:00) Magadan", "Asia/Magadan"},
	{"70", "(GMT+11:00) Solomon Is., New Caledonia", "Pacific/Guadalcanal"},
	{"71", "(GMT+12:00) Auckland, Wellington", "Pacific/Auckland"},
	{"72", "(GMT+12:00) Fiji, Kamchatka, Marshall Is.", "Pacific/Fiji"},
	{"00", "(GMT+12:00) Eniwetok, Kwajalein", "Pacific/Kwajalein"},
	{"82", "(GMT+12:45) Chatham Is.", "Pacific/Chatham"},
	{"73", "(GMT+13:00) Nuku'alofa", "Pacific/Tongatapu"},
	{"76", "(GMT+14:00) Kiritimati", "Pacific/Kiritimati"},
}

func (Timezone) choices() []Choice {
	list := []Choice{{Word: "local", Help: "Time zone of this machine (not on the appliance)."}}
	for _, z := range timezones {
		list = append(list, Choice{Word: z.number, Help: z.help})
	}
	return list
}

// String is the setting's word.
func (z Timezone) String() string { return word(z.choices(), uint8(z)) }

// Location has the zone's rules, those of summer time too, which change; the offsets
// in the lines of help are the appliance's.
func (z Timezone) Location() *time.Location {
	if z == 0 || int(z) > len(timezones) {
		return time.Local
	}
	at, err := time.LoadLocation(timezones[z-1].place)
	if err != nil { // TestTimezones has loaded all of them
		return time.Local
	}
	return at
}
