package stats

import "utmsim/protocols"

// The functions below say which field of a protocol's blocks plays which part
// for the engine. They run once, in NewVDOM.

func (v *VDOM) wireHTTP() {
	const p = protocols.HTTP
	s, a := &v.HTTP.Stat, &v.HTTP.Accounting
	v.bindBlocks(p, s, a)
	v.transports[p] = &s.Transport
	v.bytes[p] = traffic{&s.BytesSent, &s.BytesReceived}
	v.sessions[p] = SessionCounters{&a.SetupOK, &a.SetupFail, &a.ConnOK, &a.ConnInp, &a.Scan, &a.Clt, &a.Srv}
	down := &Verdicts{
		clean:         &s.ResponsesClean,
		scanErrors:    &s.ResponsesScanErrors,
		detected:      &s.ResponsesDetected,
		worms:         &s.ResponsesWorms,
		viruses:       &s.ResponsesViruses,
		susp:          &s.ResponsesSusp,
		fileBlocked:   &s.ResponsesFileBlocked,
		fileExempt:    &s.ResponsesFileExempt,
		bannedWord:    &s.ResponsesBannedWord,
		oversizePass:  &s.ResponsesOversizePass,
		oversizeBlock: &s.ResponsesOversizeBlock,
		lastScanError: &s.LastScanError,
	}
	up := &Verdicts{
		clean:         &s.PostsClean,
		scanErrors:    &s.PostsScanErrors,
		viruses:       &s.PostsViruses,
		susp:          &s.PostsSusp,
		fileBlocked:   &s.PostsFileBlocked,
		bannedWord:    &s.PostsBannedWord,
		oversizePass:  &s.PostsOversizePass,
		oversizeBlock: &s.PostsOversizeBlock,
		fileExempt:    &s.RequestsFileExempt,
		lastScanError: &s.LastScanError,
	}
	v.verdicts[p] = [2]*Verdicts{Down: down, Up: up}
}

func (v *VDOM) wireSMTP() {
	const p = protocols.SMTP
	s, a := &v.SMTP.Stat, &v.SMTP.Accounting
	v.bindBlocks(p, s, a)
	v.transports[p] = &s.Transport
	v.bytes[p] = traffic{&s.BytesSent, &s.BytesReceived}
	v.sessions[p] = SessionCounters{&a.SetupOK, &a.SetupFail, &a.ConnOK, &a.ConnInp, &a.Scan, &a.Clt, &a.Srv}
	both := &Verdicts{
		clean:         &s.EmailsClean,
		scanErrors:    &s.EmailsScanErrors,
		detected:      &s.EmailsDetected,
		worms:         &s.EmailsWorms,
		viruses:       &s.EmailsViruses,
		susp:          &s.EmailsSusp,
		fileBlocked:   &s.EmailsFileBlocked,
		fileExempt:    &s.EmailsFileExempt,
		bannedWord:    &s.EmailsBannedWord,
		oversizePass:  &s.EmailsOversizePass,
		oversizeBlock: &s.EmailsOversizeBlock,
		lastScanError: &s.LastScanError,
	}
	v.verdicts[p] = [2]*Verdicts{Down: both, Up: both}
}

func (v *VDOM) wirePOP3() {
	const p = protocols.POP3
	s, a := &v.POP3.Stat, &v.POP3.Accounting
	v.bindBlocks(p, s, a)
	v.transports[p] = &s.Transport
	v.bytes[p] = traffic{&s.BytesSent, &s.BytesReceived}
	v.sessions[p] = SessionCounters{&a.SetupOK, &a.SetupFail, &a.ConnOK, &a.ConnInp, &a.Scan, &a.Clt, &a.Srv}
	both := &Verdicts{
		clean:         &s.EmailsClean,
		scanErrors:    &s.EmailsScanErrors,
		detected:      &s.EmailsDetected,
		worms:         &s.EmailsWorms,
		viruses:       &s.EmailsViruses,
		susp:          &s.EmailsSusp,
		fileBlocked:   &s.EmailsFileBlocked,
		fileExempt:    &s.EmailsFileExempt,
		bannedWord:    &s.EmailsBannedWord,
		oversizePass:  &s.EmailsOversizePass,
		oversizeBlock: &s.EmailsOversizeBlock,
		lastScanError: &s.LastScanError,
	}
	v.verdicts[p] = [2]*Verdicts{Down: both, Up: both}
}

func (v *VDOM) wireIMAP() {
	const p = protocols.IMAP
	s, a := &v.IMAP.Stat, &v.IMAP.Accounting
	v.bindBlocks(p, s, a)
	v.transports[p] = &s.Transport
	v.bytes[p] = traffic{&s.BytesSent, &s.BytesReceived}
	v.sessions[p] = SessionCounters{&a.SetupOK, &a.SetupFail, &a.ConnOK, &a.ConnInp, &a.Scan, &a.Clt, &a.Srv}
	both := &Verdicts{
		clean:         &s.EmailsClean,
		scanErrors:    &s.EmailsScanErrors,
		detected:      &s.EmailsDetected,
		worms:         &s.EmailsWorms,
		viruses:       &s.EmailsViruses,
		susp:          &s.EmailsSusp,
		fileBlocked:   &s.EmailsFileBlocked,
		fileExempt:    &s.EmailsFileExempt,
		bannedWord:    &s.EmailsBannedWord,
		oversizePass:  &s.EmailsOversizePass,
		oversizeBlock: &s.EmailsOversizeBlock,
		lastScanError: &s.LastScanError,
	}
	v.verdicts[p] = [2]*Verdicts{Down: both, Up: both}
}

func (v *VDOM) wireFTP() {
	const p = protocols.FTP
	s, a := &v.FTP.Stat, &v.FTP.Accounting
	v.bindBlocks(p, s, a)
	v.transports[p] = &s.Transport
	v.bytes[p] = traffic{&s.BytesSent, &s.BytesReceived}
	v.sessions[p] = SessionCounters{&a.SetupOK, &a.SetupFail, &a.ConnOK, &a.ConnInp, &a.Scan, &a.Clt, &a.Srv}
	v.data[p] = DataCounters{&a.DataListen, &a.DataClt, &a.DataSrv}
	down := &Verdicts{
		clean:         &s.FilesClean,
		scanErrors:    &s.FilesScanErrors,
		detected:      &s.FilesDetected,
		worms:         &s.FilesWorms,
		viruses:       &s.FilesViruses,
		susp:          &s.FilesSusp,
		fileBlocked:   &s.FilesFileBlocked,
		fileExempt:    &s.FilesFileExempt,
		bannedWord:    &s.FilesBannedWord,
		oversizePass:  &s.FilesOversizePass,
		oversizeBlock: &s.FilesOversizeBlock,
	}
	up := &Verdicts{
		clean:         &s.UploadsClean,
		scanErrors:    &s.UploadsScanErrors,
		detected:      &s.UploadsDetected,
		worms:         &s.UploadsWorms,
		viruses:       &s.UploadsViruses,
		susp:          &s.UploadsSusp,
		fileBlocked:   &s.UploadsFileBlocked,
		fileExempt:    &s.UploadsFileExempt,
		bannedWord:    &s.UploadsBannedWord,
		oversizePass:  &s.UploadsOversizePass,
		oversizeBlock: &s.UploadsOversizeBlock,
	}
	v.verdicts[p] = [2]*Verdicts{Down: down, Up: up}
}

func (v *VDOM) wireNNTP() {
	const p = protocols.NNTP
	s, a := &v.NNTP.Stat, &v.NNTP.Accounting
	v.bindBlocks(p, s, a)
	v.transports[p] = &s.Transport
	v.bytes[p] = traffic{&s.BytesSent, &s.BytesReceived}
	v.sessions[p] = SessionCounters{&a.SetupOK, &a.SetupFail, &a.ConnOK, &a.ConnInp, &a.Scan, &a.Clt, &a.Srv}
	both := &Verdicts{
		clean:         &s.ArticlesClean,
		scanErrors:    &s.ArticlesScanErrors,
		detected:      &s.ArticlesDetected,
		worms:         &s.ArticlesWorms,
		viruses:       &s.ArticlesViruses,
		susp:          &s.ArticlesSusp,
		fileBlocked:   &s.ArticlesFileBlocked,
		fileExempt:    &s.ArticlesFileExempt,
		bannedWord:    &s.ArticlesBannedWord,
		oversizePass:  &s.ArticlesOversizePass,
		oversizeBlock: &s.ArticlesOversizeBlock,
	}
	v.verdicts[p] = [2]*Verdicts{Down: both, Up: both}
}
